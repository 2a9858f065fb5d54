"""Rows of event tables: a day goes when it is too old, but for the rows of signals that are remembered longer."""

from collections.abc import Iterator
from datetime import date
from functools import partial, reduce
from operator import or_
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq

from infra.failpoint import reached
from infra.lake import Lake
from infra.removed_files import note_removed
from orchestration.retention.dataset import Dataset, Item, first_day_of, folders_on_disk, rewritten
from orchestration.system import Installation
from validation.batches import changing
from validation.contract import Table

NOTHING = ds.scalar(False)


def event_rows(installation: Installation, table: Table) -> Dataset:
    """The rows of an event table, by their day of receipt."""
    lake, ages, features = installation.lake, installation.ages, installation.system.features
    folder = lake.path(f"tables/{table.name}")
    kept = [
        (remembered, ages.of_signal(name, features))
        for name, remembered in ages.remembered.items()
        if features.signal(name).table == table.name
    ]

    def stays(day: date, first: date) -> ds.Expression:
        """Which rows of a day stay, when `first` is the first day that is kept as it is."""
        age = (first - day).days + ages.events
        lasting = [ds.field(each.column).isin(each.values) for each, limit in kept if age <= limit]
        return reduce(or_, lasting, NOTHING)

    def too_old(first: date) -> Iterator[Item]:
        for day, path in (each for each in folders_on_disk(folder) if each[0] < first):
            staying = stays(day, first)
            counts = {file: _counts(file, staying) for file in path.glob("*.parquet")}
            losing = {file: 1 - left / rows for file, (rows, left) in counts.items() if left < rows}
            if losing or not any(left for _, left in counts.values()):
                size = sum(round(file.stat().st_size * share) for file, share in losing.items())
                yield Item(day, size, partial(_remove, lake, table, day, staying))

    def oldest(first: date) -> date | None:
        """In a file whose oldest row is old, rows that stay do not count."""
        days = []
        for file in folder.rglob("*.parquet"):
            day = first_day_of(file, table.received_time)
            if day is not None and (day >= first or _loses(file, stays(day, first))):
                days.append(day)
        return min(days, default=None)

    return Dataset(f"tables/{table.name}", ages.events, too_old, oldest)


def _counts(file: Path, stays: ds.Expression) -> tuple[int, int]:
    """How many rows a file has, and how many of them stay."""
    return pq.read_metadata(file).num_rows, 0 if stays is NOTHING else ds.dataset(file).count_rows(filter=stays)


def _loses(file: Path, stays: ds.Expression) -> bool:
    rows, left = _counts(file, stays)
    return left < rows


def _remove(lake: Lake, table: Table, day: date, stays: ds.Expression) -> None:
    name = f"tables/{table.name}"
    with changing(lake, table.name):  # nobody takes rows in meanwhile, and unfinished changes are settled
        counts = {file: _counts(file, stays) for file in lake.files(name, [day])}
        for half_done in set(lake.path(name, day).glob("*.parquet")) - counts.keys():
            half_done.unlink()  # what a process left that was killed
        note_removed(lake, table.name, {f"{file.parent.name}/{file.name}": count for file, count in counts.items()})
        reached("retention.noted")
        if not any(left for _, left in counts.values()):
            lake.drop(name, day)
            return
        for file, (rows, left) in counts.items():
            if left < rows:
                rewritten(file, stays)
