"""A first look at other people's files: how they are cut, whether the first line names columns, what columns may be."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from infra.errors import FlywheelError
from orchestration.sources.mapping.definition import MappedSource
from orchestration.sources.mapping.reading import ENDINGS, QUOTED, header, kind_of, opened

LOOK = 200  # lines looked at
DELIMITERS = ("\t", "|", "::", ";", ",")
NAME = re.compile(r"[A-Za-z_][\w .\-]*")
WORD = re.compile(r"\W{0,2}[^\W\d].*")
"""A name as people write one, such as `Preis (€)`, "returned?" or "# items"."""
PAIRS = re.compile(r"\S+-[01](?: \S+-[01])*")
HALVES = {str(n / 2).removesuffix(".0") for n in range(21)}  # what a rating may be
EPOCH = {"s": (6e8, 5e9), "ms": (6e11, 5e12), "us": (6e14, 5e15)}
FORMATS = ("%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d-%b-%Y", "%m/%d/%Y")
WRITTEN = "%Y%m%d"

GENRES = ("unknown", "Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama",
          "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War",
          "Western")  # fmt: skip
PUBLISHED: Mapping[str, tuple[str, ...]] = {  # files without a header line, as their own papers name the columns
    "u.data": ("user_id", "item_id", "rating", "timestamp"),
    "u.item": ("item_id", "title", "release_date", "video_release_date", "url", *GENRES),
    "u.user": ("user_id", "age", "gender", "occupation", "zip_code"),
    "ratings.dat": ("user_id", "item_id", "rating", "timestamp"),
    "movies.dat": ("item_id", "title", "genres"),
    "users.dat": ("user_id", "gender", "age", "occupation", "zip_code"),
    "behaviors.tsv": ("impression_id", "user_id", "time", "history", "shown"),
    "news.tsv": (
        "item_id",
        "category",
        "subcategory",
        "title",
        "abstract",
        "url",
        "title_entities",
        "abstract_entities",
    ),
}

DESCRIBED: Mapping[str, tuple[str, ...]] = {
    "user": ("user", "people", "member", "customer"),
    "item": ("item", "movie", "news", "product", "video"),
}
ROLES: Mapping[str, tuple[str, ...]] = {
    "user": ("userid", "user", "uid", "visitorid", "visitor", "customerid", "customer", "memberid", "accountid",
             "reviewerid"),
    "item": ("itemid", "item", "videoid", "video", "movieid", "movie", "productid", "product", "newsid", "articleid",
             "article", "contentid", "songid", "trackid", "track", "asin", "isbn", "sku"),
    "request": ("requestid", "impressionid", "slateid", "searchid", "pageviewid", "sessionid"),
    "time": ("timestamp", "eventtime", "time", "datetime", "ts", "timems", "createdat", "unixtime", "date",
             "eventdate"),
    "rating": ("rating", "stars", "score", "overall"),
    "click": ("click", "clicked", "isclick", "label"),
    "watch": ("watchseconds", "watchtime", "playtimems", "playtime", "dwelltime", "dwell"),
    "action": ("action", "event", "eventtype", "behavior", "behaviortype", "type"),
    "position": ("position", "rank", "slot"),
    "propensity": ("propensity", "propensityscore", "pscore"),
    "category": ("category", "genre", "genres", "topic", "maincategory", "department", "categoryid", "tag"),
    "creator": ("creatorid", "creator", "authorid", "author", "artist", "artistid", "seller", "brand",
                "publisher", "channel"),
    "duration": ("durations", "duration", "length", "durationms", "runtime", "videoduration"),
    "uploaded": ("uploadedat", "publishedat", "releasedate", "uploaddate", "published", "createdat"),
    "language": ("language", "lang", "locale"),
    "region": ("region", "country", "state", "market"),
    "signup": ("signupat", "registeredat", "joinedat", "registered"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SniffedFile:
    """A file as it seems: how it is read, and some texts of each column."""

    path: Path
    source: MappedSource
    texts: Mapping[str, tuple[str, ...]]

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns, in order."""
        return tuple(self.texts)

    def role(self, role: str) -> str | None:
        """The column that seems to have a role, by its name; of moments also by what it holds."""
        plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in reversed(self.columns)}
        named = next((plain[word] for word in ROLES[role] if word in plain), None)
        if role != "time" or (named and moments(self.texts[named]) is not None):
            return named
        return next((name for name, texts in self.texts.items() if moments(texts) is not None), None)

    @property
    def people(self) -> tuple[str, ...]:
        """Columns that describe the user together, where none names them."""
        named = tuple(n for n in self.columns if n.lower().startswith(("user_", "user ")) and "item" not in n.lower())
        return named if len(named) > 1 else ()

    def key(self, role: str) -> str | None:
        """The id of what a file describes: `id` alone where the file's name says of what."""
        plain = {name.lower(): name for name in self.columns}
        named = any(word in self.path.stem.lower() for word in DESCRIBED[role])
        return self.role(role) or (plain.get("id") if named else None)

    @property
    def pairs(self) -> str | None:
        """The column that holds what was shown with 0 or 1 for each, as in `N1-0 N2-1`."""
        for name, texts in self.texts.items():
            if texts and all(PAIRS.fullmatch(text) for text in texts):
                return name
        return None


def sniff_file(path: Path, name: str) -> SniffedFile | None:
    """A file at first sight; None for one that holds no rows of several columns."""
    try:
        source = _source(path, name)
        texts = None if source is None else _texts(path, source)
    except (FlywheelError, OSError, ValueError):
        return None
    return SniffedFile(path, source, texts) if source is not None and texts and len(texts) > 1 else None


def moments(texts: Sequence[str]) -> dict[str, str] | None:
    """How texts are read as moments (`unit` or `format`; nothing for ISO 8601), None when they seem to be none."""
    if not texts:
        return None
    if all(re.fullmatch(r"\d+(\.\d+)?", text) for text in texts):
        least = min(float(text) for text in texts)
        unit_words = next(({"unit": unit} for unit, (low, high) in EPOCH.items() if low <= least < high), None)
        return unit_words or ({"format": WRITTEN} if all(_reads(text, WRITTEN) for text in texts) else None)
    if all(_reads(text, None) for text in texts):
        return {}
    return next(({"format": form} for form in FORMATS if all(_reads(text, form) for text in texts)), None)


def _reads(text: str, form: str | None) -> bool:
    try:
        datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def _source(path: Path, name: str) -> MappedSource | None:
    kind = kind_of(path, MappedSource(name))
    if kind != "text" or Path(path.name.lower()).suffix in ENDINGS:
        return MappedSource(name)
    encoding, lines = _lines(path)
    if not lines or any("\0" in line for line in lines):
        return None
    delimiter = max(DELIMITERS, key=lambda sign: _evenness(lines, sign))
    if _evenness(lines, delimiter) == 0:
        return None
    cells = _cells(lines[0], delimiter)
    published = PUBLISHED.get(path.name.lower())
    if published is not None and len(cells) == len(published):
        return MappedSource(name, delimiter=delimiter, columns=published, encoding=encoding)
    if _names(cells) or _unlike(cells, [_cells(line, delimiter) for line in lines[1:]]):
        return MappedSource(name, delimiter=delimiter, encoding=encoding)
    return MappedSource(name, delimiter=delimiter, columns=tuple(_invented(lines, delimiter)), encoding=encoding)


def _lines(path: Path) -> tuple[str, list[str]]:
    for encoding in ("utf-8-sig", "latin-1"):
        try:
            with opened(path, encoding) as handle:
                lines = [line.rstrip("\r\n") for _, line in zip(range(LOOK), handle, strict=False)]
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8-sig" and not _readable_as(path, "utf-8"):
            continue
        return encoding.removesuffix("-sig"), [line for line in lines if line]
    return "utf-8", []


def _readable_as(path: Path, encoding: str) -> bool:
    """Whether all of a file can be read so: the odd byte may stand far behind the first lines."""
    try:
        with opened(path, encoding) as handle:
            while handle.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _evenness(lines: Sequence[str], sign: str) -> int:
    """How often a sign stands in every line, 0 when lines differ much: text has commas, but not in each line alike."""
    counts = [len(_cells(line, sign)) - 1 for line in lines]
    even = sum(count == counts[0] for count in counts) >= 0.8 * len(counts)
    return counts[0] * len(sign) if even else 0


def _cells(line: str, sign: str) -> list[str]:
    """A line cut at a sign; where quotes are usual, signs between them cut nothing."""
    return next(csv.reader([line], delimiter=sign)) if sign in QUOTED else line.split(sign)


def _names(cells: Sequence[str]) -> bool:
    """Whether the cells of a first line are names of columns, one of them a usual one."""
    plain = [cell.strip().strip('"') for cell in cells]
    usual = {word for words in ROLES.values() for word in words} | {"id", "title", "name"}
    alike = all(not cell or NAME.fullmatch(cell) for cell in plain)
    return alike and any(re.sub(r"[^a-z0-9]", "", cell.lower()) in usual for cell in plain)


def _unlike(cells: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether a first line is unlike the others: words where all of them have numbers, or moments.

    One name may be absent: that of the row numbers, which pandas writes first.
    """
    alike = [row for row in others if len(row) == len(cells)]
    plain = [cell.strip().strip('"') for cell in cells]
    if not alike or not all(WORD.fullmatch(cell) for cell in plain[not plain[0] :]):
        return False
    columns = [[text for text in texts if text] for texts in zip(*alike, strict=True)]
    return any(texts and (all(map(_number, texts)) or moments(texts) is not None) for texts in columns)


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _invented(lines: Sequence[str], sign: str) -> list[str]:
    """Names for the columns of a file without a header, by what they seem to hold."""
    cut = [_cells(line, sign) for line in lines]
    columns = list(zip(*(cells for cells in cut if len(cells) == len(cut[0])), strict=True))
    names = [f"column_{place}" for place in range(1, len(columns) + 1)]
    for place, texts in enumerate(columns):
        if moments([text for text in texts if text]) is not None:
            names[place] = "timestamp" if "timestamp" not in names else names[place]
    if "timestamp" not in names or len(columns) < 3:
        return names
    if any(all(PAIRS.fullmatch(text) for text in texts) for texts in columns):
        plain = [place for place, name in enumerate(names[:3]) if name != "timestamp"]
        unique = [place for place in plain if len(set(columns[place])) == len(columns[place])]
        page = unique[0] if len(unique) == 1 else plain[0]
        names[page], names[next(place for place in plain if place != page)] = "impression_id", "user_id"
    elif names[:2] == ["column_1", "column_2"]:
        names[:2] = ["user_id", "item_id"]
        if len(columns) > 3 and names[2] == "column_3" and set(columns[2]) <= HALVES:
            names[2] = "click" if set(columns[2]) <= {"0", "1"} else "rating"
    return names


def _texts(path: Path, source: MappedSource) -> dict[str, tuple[str, ...]]:
    from orchestration.sources.mapping.reading import first_rows

    names = header(path, source, path.name)
    frame = first_rows(path, source, names, LOOK)
    return {name: tuple(frame[name].dropna().astype(str)) for name in names}
