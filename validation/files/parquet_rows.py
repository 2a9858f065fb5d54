"""Rows in batches, and chosen ones as JSON lines: a million rows are never Python objects together."""

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from validation.files.arrow_values import json_rows

BatchReader = Callable[[], Iterator[pa.RecordBatch]]
"""All rows in order, from the first one at each call."""


def parquet_batches(source: BinaryIO, at_once: int) -> BatchReader:
    """The rows of a Parquet file. Moments of 96 bits are read in µs: in ns those after the year 2262 would overflow."""

    def batches() -> Iterator[pa.RecordBatch]:
        file = pq.ParquetFile(source, buffer_size=1 << 20, coerce_int96_timestamp_unit="us")
        yield from file.iter_batches(at_once, use_threads=False)

    return batches


class RawRows:
    """Rows as JSON lines, by their numbers."""

    def __init__(self, batches: BatchReader) -> None:
        self._batches = batches
        self._start = 0
        self._batch: pa.RecordBatch | None = None
        self._rest: Iterator[pa.RecordBatch] = iter(())

    def __call__(self, rows: Sequence[int]) -> list[bytes]:
        """The lines. Row numbers that rise from call to call read the batches only once."""
        wanted, lines = np.unique(np.asarray(rows, dtype=np.int64)), dict[int, bytes]()
        while len(lines) < len(wanted):
            start, batch = self._at(int(wanted[len(lines)]))
            places = wanted[(wanted >= start) & (wanted < start + batch.num_rows)] - start
            lines |= dict(zip((places + start).tolist(), _lines(batch, places.tolist()), strict=True))
        return [lines[row] for row in rows]

    def _at(self, row: int) -> tuple[int, pa.RecordBatch]:
        """The batch that holds a row, and the number of its first one."""
        if self._batch is None or row < self._start:
            self._start, self._rest = 0, self._batches()
            self._batch = next(self._rest)
        while row >= self._start + self._batch.num_rows:
            self._start += self._batch.num_rows
            self._batch = next(self._rest)
        return self._start, self._batch


def _lines(batch: pa.RecordBatch, places: list[int]) -> list[bytes]:
    try:
        return json_rows(batch.take(pa.array(places)))
    except pa.ArrowException:  # a type that Arrow cannot take some of
        return [line for place in places for line in json_rows(batch.slice(place, 1))]
