"""A dataset: something that is kept for so many days, what of it is too old, and what really lies there."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from infra.atomic import atomic_write
from infra.failpoint import reached
from infra.lake import Lake


@dataclass(frozen=True, slots=True)
class Item:
    """What goes in one step: the day it is of, its bytes, and how it is removed; removing it twice is no fault."""

    day: date
    size: int
    remove: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is kept for `limit` days.

    too_old  the items of days before the first day that is kept
    oldest   the day of the oldest thing that is there and does not stay for a reason of its own, read from the files
             and databases themselves; None where there is none. What `too_old` believes is not asked.
    """

    name: str
    limit: int
    too_old: Callable[[date], Iterable[Item]]
    oldest: Callable[[date], date | None]


def folders_on_disk(folder: Path) -> list[tuple[date, Path]]:
    """The folders of a table's days that are there, live or left by a process that was killed, in order."""
    paths = sorted(folder.glob("day=*")) if folder.is_dir() else []
    return [(date.fromisoformat(path.name.removeprefix("day=")), path) for path in paths]


def size_of(*paths: Path) -> int:
    """The bytes of files, and of all files in folders."""
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    return sum(file.lstat().st_size for file in files if file.is_file() or file.is_symlink())


def dropped_day(lake: Lake, name: str, day: date, folder: Path) -> Item:
    """A day of a table of the lake, to be removed as it is."""
    return Item(day, size_of(folder), lambda: lake.drop(name, day))


def lake_days(lake: Lake, name: str, limit: int, column: str = "") -> Dataset:
    """A table of the lake of which days go as they are; `column` is the moment that a row's age counts from."""

    def too_old(first: date) -> Iterator[Item]:
        yield from (
            dropped_day(lake, name, day, folder) for day, folder in folders_on_disk(lake.path(name)) if day < first
        )

    return Dataset(name, limit, too_old, lambda _: oldest_row(lake.path(name), column))


def oldest_row(folder: Path, column: str) -> date | None:
    """The day of the oldest row below a folder, by the statistics of its files, live or not; else by their folders."""
    return min((day for file in folder.rglob("*.parquet") if (day := first_day_of(file, column))), default=None)


def first_day_of(file: Path, column: str) -> date | None:
    """The day of the oldest row of a file; of a file that lacks the column the day of its folder; None without rows."""
    facts = pq.read_metadata(file)
    if not facts.num_rows:
        return None
    groups = [facts.row_group(i) for i in range(facts.num_row_groups)]
    cells = [g.column(i) for g in groups for i in range(g.num_columns) if g.column(i).path_in_schema == column]
    moments = [cell.statistics.min for cell in cells if cell.statistics and cell.statistics.has_min_max]
    if moments:
        return _day(min(moments))
    return day_of(file)


def rewritten(file: Path, stays: ds.Expression | pa.Array) -> None:
    """Write a file anew with only these rows, under the same name: what is known of files stays true of it."""
    if not file.exists():  # it was replaced meanwhile, and what replaced it is looked at next time
        return
    rows = pq.read_table(file, partitioning=None)
    with atomic_write(file) as draft:
        pq.write_table(rows.filter(stays), draft, coerce_timestamps="us")
    reached("retention.rewritten")


def day_of(file: Path) -> date:
    """The day whose folder a file lies in."""
    return date.fromisoformat(file.parent.name.removeprefix("day="))


def _day(moment: object) -> date:
    assert isinstance(moment, datetime)
    return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date()
