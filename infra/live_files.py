"""Which files of a table are live: a small list names them, and replacing it switches any number of days at once.

A table's folder may hold `.live.json`: the folder of a day → the names of its files. For a day that is not in the list
every `part-*` file is live: such a day was only appended to, or written before there were lists.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from infra.atomic import atomic_write
from infra.errors import Unavailable

LIST = ".live.json"
FilesByDay = dict[str, list[str]]
T = TypeVar("T")


def listed(folder: Path) -> FilesByDay:
    """The list of a table's folder; empty where there is none."""
    try:
        return msgspec.json.decode((folder / LIST).read_bytes(), type=FilesByDay)
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError as broken:
        raise Unavailable(
            f"{folder / LIST}: the list of live files cannot be read: {broken}. Restore it from a copy of the lake, or "
            "remove this table's folder and make it again."
        ) from broken


def switch(folder: Path, days: Mapping[str, list[str]]) -> None:
    """Replace the table's list."""
    with atomic_write(folder / LIST) as draft:
        draft.write_bytes(msgspec.json.encode(days))


def read_consistently(folder: Path, look: Callable[[FilesByDay], T]) -> T:
    """The result of `look` for a table's list; `look` is called again where the list was switched meanwhile."""
    days = listed(folder)
    while True:
        result, days_afterwards = look(days), listed(folder)
        if days_afterwards == days:
            return result
        days = days_afterwards


def of_day(folder: Path, days: FilesByDay) -> list[Path]:
    """The live files of a day's folder, by the list of its table."""
    names = days.get(folder.name)
    return [folder / name for name in (sorted(_added(folder)) if names is None else names)]


def names_of_day(folder: Path, days: FilesByDay) -> list[str]:
    """The names of the same files, in no order."""
    names = days.get(folder.name)
    return list(_added(folder)) if names is None else names


def any_of_day(folder: Path, days: FilesByDay) -> bool:
    """Whether a day has live files."""
    names = days.get(folder.name)
    return any(True for _ in _added(folder)) if names is None else bool(names)


def day_folders(folder: Path) -> Iterator[Path]:
    """The folders of a table's days, in order."""
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.name.startswith("day="))


def below(folder: Path) -> list[Path]:
    """The live Parquet files at or below any folder: of a table's days by its list, of other folders every file."""
    live = read_consistently(folder, lambda days: [path for day in day_folders(folder) for path in of_day(day, days)])
    if live or (folder / LIST).exists():
        return live
    return sorted(path for path in folder.glob("**/*.parquet") if not path.name.startswith("."))


def _added(folder: Path) -> Iterator[str]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        yield from (name for name in os.listdir(folder) if name.startswith("part-") and name.endswith(".parquet"))
