"""Digests of rows: equal rows have equal digests, so that millions of rows are compared by 8 bytes each."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from infra.arrays import Bools, Int64s
from validation.batches.chosen import those

AT_ONCE = 16_384  # rows whose texts are Python objects at one time
Digests = NDArray[np.uint64]
ODD = np.uint64(0x9E3779B97F4A7C15)
KEY, SECOND = secrets.token_hex(8), secrets.token_hex(8)  # secret, so that nobody can construct rows that agree


@dataclass(frozen=True, slots=True)
class SoughtRows:
    """Rows that are looked up by their identity, the columns `names`.

    places  the numbers of the rows looked up, in the order of `keys`, the digests of their identity
    seconds (rows,) another digest of it: two rows that differ practically never agree in both
    """

    names: tuple[str, ...]
    places: Int64s
    keys: Digests
    seconds: Digests

    @classmethod
    def of(cls, rows: pa.Table, names: tuple[str, ...], wanted: Bools | None = None) -> "SoughtRows":
        """The rows where `wanted` is true, or all."""
        keys = digests(rows, names, wanted)
        places = np.arange(len(keys)) if wanted is None else np.flatnonzero(wanted)
        places = places[np.argsort(keys[places], kind="stable")]
        return cls(names, places, keys[places], digests(rows, names, wanted, SECOND))

    def firsts(self) -> Int64s:
        """For each place the first row of the same identity."""
        firsts = self.places[np.searchsorted(self.keys, self.keys)]
        return np.where(self.seconds[firsts] == self.seconds[self.places], firsts, self.places)

    def matches(self, others: pa.Table) -> tuple[Int64s, Int64s]:
        """Pairs of row numbers with one identity: of the rows looked up, and of `others`."""
        their_keys = digests(others, self.names)
        first, end = np.searchsorted(self.keys, their_keys), np.searchsorted(self.keys, their_keys, side="right")
        times = end - first
        their_rows = np.repeat(np.arange(len(their_keys)), times)
        our_rows = self.places[np.arange(len(their_rows)) - np.repeat(np.cumsum(times) - times - first, times)]
        same = self.seconds[our_rows] == digests(others, self.names, times > 0, SECOND)[their_rows]
        return our_rows[same], their_rows[same]


def digests(rows: pa.Table, names: Sequence[str], wanted: Bools | None = None, key: str = KEY) -> Digests:
    """(rows,) a digest of these columns; 0 for a row that is not wanted."""
    numbers = np.zeros(rows.num_rows, dtype=np.uint64)
    wanted = np.ones(rows.num_rows, bool) if wanted is None else wanted
    for start in range(0, rows.num_rows, AT_ONCE):
        wanted_here = wanted[start : start + AT_ONCE]
        if wanted_here.any():
            part = those(rows.select(names).slice(start, AT_ONCE), wanted_here)
            numbers[start : start + AT_ONCE][wanted_here] = _of_columns(part, key)
    return numbers


def _of_columns(rows: pa.Table, key: str) -> Digests:
    numbers = np.zeros(rows.num_rows, dtype=np.uint64)
    for column in rows.columns:
        numbers *= ODD
        numbers += _of_column(column.combine_chunks(), key)
    return numbers


def _of_column(column: pa.Array, key: str) -> Digests:
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    digests = _of_lists(column, key) if pa.types.is_list(column.type) else _of_values(column, key)
    digests[column.is_null().to_numpy(zero_copy_only=False)] = 1
    return digests


def _of_lists(column: pa.ListArray, key: str) -> Digests:
    """For each list the sum of its values' digests, each multiplied by a factor of its position."""
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
    values, ends = _of_column(column.flatten(), key), np.cumsum(lengths)
    place = np.arange(len(values)) - np.repeat(ends - lengths, lengths)
    total = np.concatenate([[np.uint64(0)], np.cumsum(values * (place.astype(np.uint64) * ODD | np.uint64(1)))])
    digests: Digests = total[ends] - total[ends - lengths] + lengths.astype(np.uint64)
    return digests


def _of_values(column: pa.Array, key: str) -> Digests:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    filled = column.fill_null("" if pa.types.is_string(column.type) else 0)
    if pa.types.is_floating(column.type):
        filled = pc.add(filled, pa.scalar(0.0, column.type))  # -0.0 is 0.0, and has other bits
    digests: Digests = pd.util.hash_array(
        np.asarray(filled.to_numpy(zero_copy_only=False)), hash_key=key, categorize=False
    )
    return digests
