"""Descriptions and profiles: an entity is described until it is described again, and only what was replaced gets old.

Of the rows from before the first kept day the newest of each entity stays: it answers for that day. Of descriptions the
first one stays, too: events borrow from it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from infra.arrays import Bools
from infra.lake import Lake
from infra.removed_files import note_removed
from orchestration.retention.dataset import Dataset, Item, day_of, first_day_of, folders_on_disk, rewritten
from validation.batches import changing
from validation.contract import Table


def descriptions(lake: Lake, table: Table, limit: int) -> Dataset:
    """The superseded rows of a table of descriptions, by their day of receipt."""
    return _dataset(_Described(lake, f"tables/{table.name}", table.key, table.received_time, table.event_time), limit)


def profiles(lake: Lake, view: str, keys: tuple[str, ...], limit: int) -> Dataset:
    """The superseded rows of a profile view."""
    return _dataset(_Described(lake, f"profiles/{view}", keys, "event_timestamp", "event_timestamp"), limit)


@dataclass(frozen=True, slots=True)
class _Described:
    """Rows that describe entities: their keys, when they were received, and when they became true."""

    lake: Lake
    name: str
    keys: tuple[str, ...]
    received: str
    event: str

    @property
    def delivered(self) -> str | None:
        """The table in whose ledger the rows are counted; profiles are in none."""
        return self.name.removeprefix("tables/") if self.name.startswith("tables/") else None

    def locked(self) -> AbstractContextManager[object]:
        return changing(self.lake, self.delivered) if self.delivered else self.lake.locked("profiles")


def _dataset(described: _Described, limit: int) -> Dataset:
    def too_old(first: date) -> Iterator[Item]:
        for file, goes in _superseded(described, _live(described, first)).items():
            yield Item(day_of(file), round(file.stat().st_size * goes.mean()), partial(_remove, described, first, file))

    def oldest(first: date) -> date | None:
        """Looks at every file that is there, by what it holds."""
        every = described.lake.path(described.name).rglob("*.parquet")
        days = {file: day for file in every if (day := first_day_of(file, described.received)) is not None}
        old = _superseded(described, [file for file, day in days.items() if day < first])
        return min([day for file, day in days.items() if day >= first or file in old], default=None)

    return Dataset(described.name, limit, too_old, oldest)


def _live(described: _Described, first: date) -> list[Path]:
    folders = folders_on_disk(described.lake.path(described.name))
    return described.lake.files(described.name, [day for day, _ in folders if day < first])


def _superseded(described: _Described, files: Sequence[Path]) -> Mapping[Path, Bools]:
    """Of each file which rows go; files that lose none are left out."""
    if not files:
        return {}
    keys, columns = list(described.keys), {*described.keys, described.received, described.event}
    frames = [pq.read_table(file, columns=sorted(columns), partitioning=None).to_pandas() for file in files]
    rows = pd.concat([frame.assign(file=i) for i, frame in enumerate(frames)], ignore_index=True)
    of_entity = rows.groupby(keys, dropna=False, sort=False)
    goes = rows[described.event] < of_entity[described.event].transform("max")
    if described.delivered:
        goes &= rows[described.received] > of_entity[described.received].transform("min")
    masks = {file: np.asarray(goes[rows["file"] == i]) for i, file in enumerate(files)}
    return {file: mask for file, mask in masks.items() if mask.any()}


def _remove(described: _Described, first: date, file: Path) -> None:
    with described.locked():
        goes = _superseded(described, _live(described, first)).get(file)
        if goes is None:
            return
        if described.delivered:
            counts = {f"{file.parent.name}/{file.name}": (len(goes), int((~goes).sum()))}
            note_removed(described.lake, described.delivered, counts)
        rewritten(file, pa.array(~goes))
