"""A look at a folder of tables: which files are one table, and what each column seems to hold."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import ceil, log2
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from infra.errors import DefinitionError
from orchestration.scaffolding.naming import distinct, identifier
from orchestration.scaffolding.texts import nested_columns, text_parts
from orchestration.sources.mapping import Field, MappedSource, SniffedFile, Time, moment, moments, sniff_file

if TYPE_CHECKING:
    import pandas as pd

LOOK = 200_000
"""So many rows of a table are looked at."""
MANY_FILES = 400
WORDS = 20
"""A text column with at most so many different values is a choice of words."""
MOSTLY = 0.99
"""So many of the values have to be of a type; a row with another one is put into quarantine when it is ingested."""
NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
WHOLE = r"[+-]?(0|[1-9]\d{0,17})"
COMMA = r"[+-]?\d+(,\d+)?"
THOUSANDS = r"[+-]?[1-9]\d{0,2}(,\d{3})?"
"""What may be written either way: 1,234 is read as a text where nothing shows that its comma is a decimal one."""
TIMELY = re.compile(r"(time|date|stamp|day|when|^ts|ts$|_at$|^at$|epoch)", re.IGNORECASE)
ID = re.compile(r"(^|_)(id|ids|no|nr|number|code|key|uuid|guid|hash|plate|sku|asin|email)$")
DATED = re.compile(r"[-_.]?(part[-_.]?)?[\d\-_.T:Zz]*$")
Kind = Literal["whole", "number", "bool", "moment", "text", "list", "nothing"]


@dataclass(frozen=True, slots=True)
class ColumnSeen:
    """What a column seems to hold: `name` is what we call it, `source` what the files call it.

    `words` are its values by how often they come, where they are few; `low`, `middle` and `high` are of numbers.
    `how` says how texts are read as moments, or that numbers have a decimal comma.
    """

    name: str
    source: str
    kind: Kind
    nulls: float = 0.0
    distinct: int = 0
    rows: int = 0
    words: tuple[str, ...] = ()
    low: float | None = None
    middle: float | None = None
    high: float | None = None
    longest: int = 0
    how: Mapping[str, str] = field(default_factory=dict)

    @property
    def unique(self) -> bool:
        """Whether it names each row."""
        return self.nulls == 0 and self.distinct == self.rows > 0

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers."""
        return self.kind in ("whole", "number")

    @property
    def two_sided(self) -> bool:
        """Whether it says yes or no: 0 and 1, true and false, or two words."""
        return (self.kind == "bool" and self.distinct == 2) or (
            self.distinct == 2 and ({*self.words} in ({"0", "1"}, {"0.0", "1.0"}) or self.yes is not None)
        )

    @property
    def yes(self) -> str | None:
        """Of two words such as yes and no, the one that says yes."""
        pairs = {frozenset(("yes", "no")): "yes", frozenset(("y", "n")): "y", frozenset(("t", "f")): "t"}
        chosen = pairs.get(frozenset(word.lower() for word in self.words))
        return next((word for word in self.words if word.lower() == chosen), None)

    @property
    def id_like(self) -> bool:
        """Whether its name is that of an id."""
        return ID.search(self.name) is not None


@dataclass(frozen=True, slots=True)
class TableSeen:
    """Files that are one table; `texts` are the first rows as texts, under our names."""

    name: str
    paths: tuple[Path, ...]
    source: MappedSource
    columns: tuple[ColumnSeen, ...]
    texts: "pd.DataFrame"

    def column(self, name: str) -> ColumnSeen | None:
        """The column that we or the files call so."""
        return next((c for c in self.columns if name in (c.name, c.source)), None)

    def moments(self, column: ColumnSeen) -> "pd.Series[Any]":
        """The moments of a column."""
        how = Field(column=column.source, unit=column.how.get("unit"), format=column.how.get("format"))  # type: ignore[arg-type]
        return moment(self.texts[column.name], how, Time(), f"{self.paths[0].name}: {column.source}")


@dataclass(frozen=True, slots=True)
class FolderSeen:
    """The tables of a folder, and the files that are none, each with the reason."""

    path: Path
    tables: tuple[TableSeen, ...]
    unread: tuple[str, ...]


def look_at(folder: Path) -> FolderSeen:
    """What lies in a folder, or in one file; raises DefinitionError where nothing of it is a table."""
    if not folder.exists():
        raise DefinitionError(f"{folder} does not exist. Name the folder, or the file, that holds your tables.")
    inside = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    paths = [path for path in inside if path.is_file() and not path.is_symlink() and not _hidden(path, folder)]
    if not paths:
        raise DefinitionError(f"{folder} is empty. Put a CSV, JSON lines or Parquet file into it, one for each table.")
    groups: dict[tuple[str, tuple[str, ...]], list[SniffedFile]] = {}
    unread = [f"{len(paths) - MANY_FILES:,} further files were not looked at"] if len(paths) > MANY_FILES else []
    for path in paths[:MANY_FILES]:
        file = sniff_file(path, path.name)
        if file is None:
            unread.append(f"{path.name}: {_why_not(path)}")
        else:
            groups.setdefault((_table_name(path, folder), file.columns), []).append(file)
    if not groups:
        raise DefinitionError(f"{folder} holds no table of several columns.\n  " + "\n  ".join(unread[:10]))
    names = distinct([name for name, _ in groups])
    tables = [_table(name, files) for name, files in zip(names, groups.values(), strict=True)]
    return FolderSeen(folder, tuple(tables), tuple(unread))


def _hidden(path: Path, folder: Path) -> bool:
    """Whether a file, or a folder that it lies in, is one of a program, or code."""
    parts = path.relative_to(folder).parts or (path.name,)
    return any(part.startswith((".", "_")) for part in parts) or path.suffix == ".py"


def _why_not(path: Path) -> str:
    if path.stat().st_size == 0:
        return "it is empty"
    if path.suffix.lower() in (".csv", ".tsv", ".txt"):
        return "it has no rows of several columns: one column only says nothing about itself"
    return "it is no CSV, JSON lines or Parquet file with several columns that can be read"


def _table_name(path: Path, folder: Path) -> str:
    """The folder below the one looked at that a file lies in, or else its own name without dates and numbers."""
    below = path.relative_to(folder).parts if path != folder else (path.name,)
    stem = DATED.sub("", path.name.split(".")[0])
    return identifier(below[0] if len(below) > 1 else stem or path.absolute().parent.name, "rows")


def _table(name: str, files: Sequence[SniffedFile]) -> TableSeen:
    import pandas as pd

    source, paths = files[0].source, [file.path for file in files]
    sample = next(iter(text_parts(paths[:1], source, files[0].columns)))
    names = nested_columns(sample)
    rows, taken = [], 0
    for part in text_parts(paths, source, names):
        rows.append(part.head(LOOK - taken))
        taken += len(rows[-1])
        if taken >= LOOK:
            break
    texts = pd.concat(rows, ignore_index=True)
    ours = distinct([identifier(each) for each in names])
    texts.columns = pd.Index(ours)
    commas = [our for our in ours if _has_decimal_commas(texts[our].dropna().astype(str))]
    for our in commas:
        texts[our] = texts[our].str.replace(",", ".")
    columns = tuple(_column(our, their, texts[our], our in commas) for our, their in zip(ours, names, strict=True))
    return TableSeen(name, tuple(paths), source, columns, texts)


def _has_decimal_commas(said: "pd.Series[Any]") -> bool:
    return bool(
        said.str.contains(",").any()
        and said.str.fullmatch(COMMA).mean() >= MOSTLY
        and not said.str.fullmatch(THOUSANDS).all()
    )


def _column(name: str, source: str, texts: "pd.Series[Any]", comma: bool) -> ColumnSeen:
    said = texts.dropna().astype(str)
    rows = len(texts)
    if said.empty:
        return ColumnSeen(name, source, "nothing", 1.0, rows=rows)
    counts = said.value_counts()
    kind, how = ("number", {"decimal": ","}) if comma else _kind(name, said)
    seen: dict[str, Any] = {"nulls": 1 - len(said) / rows, "distinct": len(counts), "rows": rows, "how": how}
    seen["words"] = tuple(sorted(counts.index.astype(str))) if len(counts) <= WORDS else ()
    seen["longest"] = int(said.str.len().max())
    if kind in ("whole", "number"):
        import pandas as pd

        numbers = pd.to_numeric(said, errors="coerce").dropna()
        seen |= {"low": float(numbers.min()), "middle": float(numbers.median()), "high": float(numbers.max())}
    return ColumnSeen(name, source, kind, **seen)


def _kind(name: str, said: "pd.Series[Any]") -> tuple[Kind, Mapping[str, str]]:
    if {*said.head(50).str.lower()} <= {"true", "false"} and said.str.lower().isin(["true", "false"]).all():
        return "bool", {}
    digits = bool(said.head(200).str.fullmatch(NUMBER).all())
    if not digits or TIMELY.search(name):
        how = moments(list(islice(said, 200)))
        if how is not None:
            return "moment", how
    if said.str.fullmatch(NUMBER).mean() >= MOSTLY:
        return ("whole" if said[said.str.fullmatch(NUMBER)].str.fullmatch(WHOLE).all() else "number"), {}
    if said.head(200).str.startswith(("[", "{")).all():
        return "list", {}
    return "text", {}


def rounded_up(length: int) -> int:
    """The next power of two."""
    return int(2 ** ceil(log2(max(length, 1))))
