"""What a folder of KuaiRand holds: the logs as published, or the cut made of them, and the two tables that describe."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.errors import DefinitionError

if TYPE_CHECKING:
    import pandas as pd

LOGS, CUTS = ("log_standard_*.csv", "log_random_*.csv"), ("processed_standard_*.csv", "processed_random_*.csv")
USERS, VIDEOS = "user_features_*.csv", "video_features_basic_*.csv"
MANY = 500_000  # rows read at a time: KuaiRand-27K has 322 million

FIRST_SIGHT = ("user_id", "video_id", "time_ms", "play_time_ms", "duration_ms")
BASE = (*FIRST_SIGHT, "is_click", "is_follow", "is_comment", "is_forward", "long_view")
ONLY_LOGS = ("is_like", "is_hate")
ONLY_CUTS = ("label",)  # 1 liked, 0 hated: rows with neither were cut away
OF_USERS = ("user_id", "register_days")
OF_VIDEOS = ("video_id", "author_id", "upload_dt", "video_duration", "tag")


@dataclass(frozen=True, slots=True)
class Published:
    """The files that were found. `cut`: rows are liked or hated ones only, and one column says which."""

    cut: bool
    logs: tuple[Path, ...]
    users: tuple[Path, ...]
    videos: tuple[Path, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the logs that are read."""
        return (*BASE, *(ONLY_CUTS if self.cut else ONLY_LOGS))

    def rows(self, columns: Sequence[str] | None = None) -> Iterator["pd.DataFrame"]:
        """The logs' rows as they stand in the files, a part at a time; `policy` says what chose the videos."""
        for path in self.logs:
            for part in read(path, columns or self.columns):
                yield _without_gaps(path, part).assign(policy=path.name.split("_")[1])


def detect(path: Path) -> Published:
    """What a folder holds, at its top or in its `data/`; a log file instead of a folder means that log alone.

    Raises DefinitionError that names the files or columns missing.
    """
    if not path.exists():
        raise DefinitionError(f"kuairand: {path} does not exist. Give the folder that holds KuaiRand's CSV files.")
    folder = path.parent if path.is_file() else _holding(path)
    logs = _named([path], *LOGS, *CUTS) if path.is_file() else _named(folder.iterdir(), *LOGS, *CUTS)
    users, videos = (_named(folder.iterdir(), name) for name in (USERS, VIDEOS))
    _complete(folder, {f"{' or '.join(LOGS)} (or {CUTS[0]}, the cut)": logs, USERS: users, VIDEOS: videos})
    cut = bool(_named(logs, *CUTS))
    if cut and len(logs) > 1:
        names = ", ".join(log.name for log in logs)
        raise DefinitionError(f"kuairand: {folder} holds logs whose rows overlap: {names}. Name the file to take.")
    published = Published(cut, logs, users, videos)
    for files, columns in ((logs, published.columns), (users, OF_USERS), (videos, OF_VIDEOS)):
        for file in files:
            _has(file, columns)
    return published


def read(path: Path, columns: Sequence[str]) -> Iterator["pd.DataFrame"]:
    """Some columns of a file, a part at a time. What is published is separated by commas, the cut by tabs."""
    import pandas as pd

    try:
        yield from pd.read_csv(path, sep=_separator(path), usecols=list(columns), chunksize=MANY)
    except ValueError as error:  # pandas' parser errors are value errors, too
        raise DefinitionError(f"kuairand: {path.name} cannot be read: {error}. Fetch the file again.") from error


def _holding(folder: Path) -> Path:
    inner = folder / "data"
    return inner if inner.is_dir() and not _named(folder.iterdir(), *LOGS, *CUTS) else folder


def _named(paths: Iterable[Path], *names: str) -> tuple[Path, ...]:
    return tuple(sorted(path for path in paths if any(path.match(name) for name in names)))


def _complete(folder: Path, files_by_kind: Mapping[str, Sequence[Path]]) -> None:
    missing = "; ".join(name for name, files in files_by_kind.items() if not files)
    if missing:
        contents = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"
        raise DefinitionError(f"kuairand: {folder} lacks {missing}. It holds {contents}.")


def _has(path: Path, columns: Sequence[str]) -> None:
    present = [name.strip('"') for name in _header(path).split(_separator(path))]
    missing = ", ".join(name for name in columns if name not in present)
    if missing:
        raise DefinitionError(f"kuairand: {path.name} lacks the columns {missing}. It has {', '.join(present)}.")


def _without_gaps(path: Path, part: "pd.DataFrame") -> "pd.DataFrame":
    """The part itself; raises DefinitionError for an empty cell, which only a truncated file has."""
    empty = part.isna()
    if empty.to_numpy().any():
        row, column = empty.any(axis=1).idxmax(), empty.any().idxmax()
        raise DefinitionError(f"kuairand: {path.name} has no {column} in row {row}. Fetch the file again.")
    return part


def _separator(path: Path) -> str:
    return "\t" if "\t" in _header(path) else ","


def _header(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as file:
        return file.readline().rstrip("\r\n")
