"""Rows written by day where they are computed: each task drafts its files, and the driver makes all of them live."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ROWS_AT_ONCE = 500_000
DRAFTED = "name string, day date, file string, rows long"


def replace_days(lake: Lake, name: str, rows: "DataFrame", day_of: str, days: Iterable[date]) -> int:
    """Write `rows` to the day of their column `day_of`, all in one job, and empty those of `days` that get none."""
    with lake.locked(f"{name} replaced"):
        drafts = rows.mapInArrow(partial(_drafted, placed(lake), name, day_of), DRAFTED).toArrow()
        return sum(commit(lake, name, drafts, days).values())


def commit(lake: Lake, name: str, drafts: pa.Table, days: Iterable[date]) -> dict[date, int]:
    """Replace days of one table by their drafts, all in one step; returns how many rows each day has now.

    Drafts of failed tasks are deleted together with the replaced files.
    """
    counts = dict.fromkeys(days, 0)
    files: dict[date, list[Path]] = {day: [] for day in counts}
    for draft in drafts.filter(pc.field("name") == name).to_pylist():
        files[draft["day"]].append(Path(draft["file"]))
        counts[draft["day"]] += draft["rows"]
    lake.switch(name, files)
    return counts


def placed(lake: Lake) -> Lake:
    """The same lake for processes that work in other folders."""
    return Lake(lake.root.absolute(), lake.wait_s)


def _drafted(lake: Lake, name: str, day_of: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    drafts = Drafts(lake)
    for batch in batches:
        drafts.add(name, pa.Table.from_batches([batch]), batch[day_of].cast(pa.date32()))
    yield drafts.close()


@dataclass(slots=True)
class Drafts:
    """The files of one task: rows are collected, sorted by table and day, and written in a few large groups."""

    lake: Lake
    pending: dict[str, list[tuple[pa.Table, pa.Array]]] = field(default_factory=dict)
    writers: dict[tuple[str, date], pq.ParquetWriter] = field(default_factory=dict)
    files: dict[tuple[str, date], Path] = field(default_factory=dict)
    rows: dict[tuple[str, date], int] = field(default_factory=dict)

    def add(self, name: str, rows: pa.Table, days: pa.Array) -> None:
        """Take rows of a table, each with its day."""
        pending = self.pending.setdefault(name, [])
        pending.append((rows, days))
        if sum(len(part) for part, _ in pending) >= ROWS_AT_ONCE:
            self._write(name)

    def close(self) -> pa.RecordBatch:
        """Finish all files; returns the drafts."""
        for name in self.pending:
            self._write(name)
        for writer in self.writers.values():
            writer.close()
        drafted = [(name, day, str(self.files[name, day]), rows) for (name, day), rows in self.rows.items()]
        kinds = (pa.string(), pa.date32(), pa.string(), pa.int64())
        columns = [pa.array([row[i] for row in drafted], kind) for i, kind in enumerate(kinds)]
        return pa.record_batch(columns, names=["name", "day", "file", "rows"])

    def _write(self, name: str) -> None:
        rows = pa.concat_tables([part for part, _ in self.pending[name]])
        days = pa.chunked_array([part for _, part in self.pending[name]], pa.date32()).cast(pa.int32()).to_numpy()
        order = np.argsort(days, kind="stable")
        sorted_rows, self.pending[name] = rows.take(order), []
        each, starts = np.unique(days[order], return_index=True)
        for day, start, end in zip(each, starts, np.append(starts, len(days))[1:], strict=True):
            self._append(name, date(1970, 1, 1) + timedelta(days=int(day)), sorted_rows.slice(start, end - start))

    def _append(self, name: str, day: date, rows: pa.Table) -> None:
        if (name, day) not in self.writers:
            file = self.lake.draft(name, day)
            self.files[name, day], self.rows[name, day] = file, 0
            self.writers[name, day] = pq.ParquetWriter(file, rows.schema)
        self.writers[name, day].write_table(rows)
        self.rows[name, day] += len(rows)
