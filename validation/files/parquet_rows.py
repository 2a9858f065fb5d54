"""Rows that come in batches, and a few of them again as JSON lines: a million are never held as Python objects."""

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from validation.files.arrow_values import json_rows

BatchReader = Callable[[], Iterator[pa.RecordBatch]]
"""All rows in order, from the first one at each call."""


def parquet_batches(source: BinaryIO, at_once: int) -> BatchReader:
    """The rows of a Parquet file. Moments of 96 bits are read in µs: in ns those beyond the year 2262 become others."""

    def batches() -> Iterator[pa.RecordBatch]:
        file = pq.ParquetFile(source, buffer_size=1 << 20, coerce_int96_timestamp_unit="us")
        yield from file.iter_batches(at_once, use_threads=False)

    return batches


class RawRows:
    """Rows as JSON lines, by their numbers."""

    def __init__(self, batches: BatchReader) -> None:
        self._batches = batches
        self._start = 0
        self._held: pa.RecordBatch | None = None
        self._rest: Iterator[pa.RecordBatch] = iter(())

    def __call__(self, rows: Sequence[int]) -> list[bytes]:
        """The lines. Who asks for them in order, some at a time, has the batches made once."""
        wanted, found = np.unique(np.asarray(rows, dtype=np.int64)), dict[int, bytes]()
        while len(found) < len(wanted):
            start, batch = self._at(int(wanted[len(found)]))
            places = wanted[(wanted >= start) & (wanted < start + batch.num_rows)] - start
            found |= dict(zip((places + start).tolist(), _lines(batch, places.tolist()), strict=True))
        return [found[row] for row in rows]

    def _at(self, row: int) -> tuple[int, pa.RecordBatch]:
        """The batch that holds a row, and the number of its first one."""
        if self._held is None or row < self._start:
            self._start, self._rest = 0, self._batches()
            self._held = next(self._rest)
        while row >= self._start + self._held.num_rows:
            self._start += self._held.num_rows
            self._held = next(self._rest)
        return self._start, self._held


def _lines(batch: pa.RecordBatch, places: list[int]) -> list[bytes]:
    try:
        return json_rows(batch.take(pa.array(places)))
    except pa.ArrowException:  # a type that Arrow cannot take some of
        return [line for place in places for line in json_rows(batch.slice(place, 1))]
