"""Rows of event tables: a day goes when it is too old, but for the rows of signals that are remembered longer."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq

from infra.failpoint import reached
from infra.lake import Lake
from infra.removed_files import note_removed
from orchestration.ages import Remembered
from orchestration.retention.dataset import Dataset, Item, first_day_of, folders_on_disk, rewritten, size_of
from orchestration.system import Installation
from validation.batches import changing
from validation.contract import Table

NOTHING = ds.scalar(False)


def event_rows(installation: Installation, table: Table) -> Dataset:
    """The rows of an event table, by their day of receipt."""
    lake, ages, features = installation.lake, installation.system.ages, installation.system.features
    kept = {
        remembered: ages.of_signal(name, features)
        for name, remembered in ages.remembered.items()
        if features.signal(name).table == table.name
    }
    folder = lake.path(f"tables/{table.name}")

    def too_old(first: date) -> Iterator[Item]:
        today = first + timedelta(days=ages.events)
        for day, path in folders_on_disk(folder):
            stays = _stays(kept, (today - day).days)
            files = {file: left for file in sorted(path.glob("*.parquet")) if (left := _left(file, stays))}
            losing = {file: left for file, (now, left) in files.items() if left < now}
            empty = not any(left for _, left in files.values())
            if day < first and (losing or empty):
                yield Item(day, _going(losing) if files else size_of(path), partial(_remove, lake, table, day, stays))

    def oldest(first: date) -> date | None:
        today = first + timedelta(days=ages.events)
        days = [
            day
            for file in folder.rglob("*.parquet")
            if (day := first_day_of(file, table.received_time)) is not None
            and (day >= first or _left(file, _stays(kept, (today - day).days))[1] < pq.read_metadata(file).num_rows)
        ]
        return min(days, default=None)

    return Dataset(f"tables/{table.name}", ages.events, too_old, oldest)


def _stays(kept: Mapping[Remembered, int], age: int) -> ds.Expression:
    """Which rows of a day that is `age` days old stay."""
    stays = NOTHING
    for remembered, limit in kept.items():
        if age <= limit:
            stays |= ds.field(remembered.column).isin(remembered.values)
    return stays


def _left(file: Path, stays: ds.Expression) -> tuple[int, int]:
    """How many rows a file has, and how many of them stay."""
    now = pq.read_metadata(file).num_rows
    return now, 0 if stays.equals(NOTHING) else ds.dataset(file).count_rows(filter=stays)


def _going(losing: Mapping[Path, int]) -> int:
    return sum(
        round(file.stat().st_size * (1 - left / max(pq.read_metadata(file).num_rows, 1)))
        for file, left in losing.items()
    )


def _remove(lake: Lake, table: Table, day: date, stays: ds.Expression) -> None:
    name = f"tables/{table.name}"
    with changing(lake, table.name):  # nobody takes rows in meanwhile, and unfinished changes are settled
        counts = {file: _left(file, stays) for file in lake.files(name, [day])}
        note_removed(lake, table.name, {f"{file.parent.name}/{file.name}": count for file, count in counts.items()})
        reached("retention.noted")
        if not any(left for _, left in counts.values()):
            lake.drop(name, day)
            return
        for file, (now, left) in counts.items():
            if left < now:
                rewritten(file, stays)
