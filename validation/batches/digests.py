"""Numbers that are the same where rows are: with them millions of rows are compared in the room of a number each."""

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

AT_ONCE = 16_384  # rows whose texts are Python's own at one time
Digests = NDArray[np.uint64]
ODD = np.uint64(0x9E3779B97F4A7C15)
KEY, SECOND = secrets.token_hex(8), secrets.token_hex(8)  # of this process alone: nobody can make digests agree


@dataclass(frozen=True, slots=True)
class Sought:
    """Rows that are looked for by their identity, which is that of the columns `names`.

    places  the numbers of the rows looked for, in the order of `keys`, the digests of their identity
    seconds (rows,) another digest of it: that both agree by chance will never be seen
    """

    names: tuple[str, ...]
    places: Int64s
    keys: Digests
    seconds: Digests

    @classmethod
    def of(cls, rows: pa.Table, names: tuple[str, ...], wanted: Bools | None = None) -> "Sought":
        """The rows that are wanted, or all."""
        keys = digests(rows, names, wanted)
        places = np.arange(len(keys)) if wanted is None else np.flatnonzero(wanted)
        places = places[np.argsort(keys[places], kind="stable")]
        return cls(names, places, keys[places], digests(rows, names, wanted, SECOND))

    def firsts(self) -> Int64s:
        """For each place the first row of the same identity."""
        firsts = self.places[np.searchsorted(self.keys, self.keys)]
        return np.where(self.seconds[firsts] == self.seconds[self.places], firsts, self.places)

    def met(self, others: pa.Table) -> tuple[Int64s, Int64s]:
        """The rows of which others have the identity, and those others: pairs of their numbers."""
        theirs = digests(others, self.names)
        first, end = np.searchsorted(self.keys, theirs), np.searchsorted(self.keys, theirs, side="right")
        times = end - first
        there = np.repeat(np.arange(len(theirs)), times)
        mine = self.places[np.arange(len(there)) - np.repeat(np.cumsum(times) - times - first, times)]
        same = self.seconds[mine] == digests(others, self.names, times > 0, SECOND)[there]
        return mine[same], there[same]


def digests(rows: pa.Table, names: Sequence[str], wanted: Bools | None = None, key: str = KEY) -> Digests:
    """(rows,) a number that is the same where these columns are; 0 for a row that is not wanted."""
    found, wanted = np.zeros(rows.num_rows, dtype=np.uint64), np.ones(rows.num_rows, bool) if wanted is None else wanted
    for start in range(0, rows.num_rows, AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        if some.any():
            part = those(rows.select(names).slice(start, AT_ONCE), some)
            found[start : start + AT_ONCE][some] = _of_columns(part, key)
    return found


def _of_columns(rows: pa.Table, key: str) -> Digests:
    found = np.zeros(rows.num_rows, dtype=np.uint64)
    for column in rows.columns:
        found *= ODD
        found += _of_column(column.combine_chunks(), key)
    return found


def _of_column(column: pa.Array, key: str) -> Digests:
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    digests = _of_lists(column, key) if pa.types.is_list(column.type) else _of_values(column, key)
    digests[column.is_null().to_numpy(zero_copy_only=False)] = 1
    return digests


def _of_lists(column: pa.ListArray, key: str) -> Digests:
    """Of each list the sum of its values' numbers, each times one that its place in the list decides."""
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
