"""What retention removed from the lake: names of files and counts, no row.

What was made of removed files stays right: a published day is compared with their names as if they were still there.
And the ledger still balances: removed rows and lines are counted.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec

from infra.atomic import atomic_write
from infra.errors import Unavailable
from infra.lake import Lake

FOLDER = "removed"


class RemovedRows(msgspec.Struct, frozen=True):
    """How many rows a file had at first, and how many of them were removed."""

    had: int
    removed: int


Rows = dict[str, RemovedRows]


def note_removed(lake: Lake, table: str, files: Mapping[str, tuple[int, int]]) -> None:
    """Write down, before it is done, what files of a table (`day=2026-05-03/part-a.parquet`) lose.

    files  the rows each has now, and the rows that will be left; done twice it is counted in one way
    Whoever calls it holds the table's lock.
    """
    rows = _read(lake, table)
    for name, (now, left) in files.items():
        had = rows[name].had if name in rows else now
        rows[name] = RemovedRows(had, had - left)
    with atomic_write(_path(lake, table)) as draft:
        draft.write_bytes(msgspec.json.encode(rows))


def removed_files(lake: Lake, table: str) -> Mapping[str, RemovedRows]:
    """The files of a table that lost rows."""
    return _read(lake, table)


def first_kept_day(lake: Lake, table: str) -> date | None:
    """The day after the last one of which rows were removed; None where none were."""
    days = [name.split("/")[0].removeprefix("day=") for name in _read(lake, table)]
    return date.fromordinal(date.fromisoformat(max(days)).toordinal() + 1) if days else None


def _path(lake: Lake, table: str) -> Path:
    return lake.root / FOLDER / f"{table}.json"


def _read(lake: Lake, table: str) -> Rows:
    path = _path(lake, table)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Rows)
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError as broken:
        raise Unavailable(f"{path}: what was removed cannot be read: {broken}. Put back its last copy.") from broken
