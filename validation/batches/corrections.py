"""Rows that come again and say something else: told apart from repetitions, which say the same."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from validation.batches.accepted import AcceptedRows, Bools
from validation.batches.checks import Check
from validation.contract import Table

DIFFERS = "differs"
ASKED = "a row that comes again says what it said before"
SHOWN = 5  # rows of which the ledger keeps what they said
AT_ONCE = 100_000
Digests = NDArray[np.uint64]
ODD = np.uint64(0x9E3779B97F4A7C15)


def differing(rows: pa.Table, past: AcceptedRows) -> Bools:
    """Whether each of a batch's sound rows was there before, in the lake or in the batch, with other content.

    When it was received is no content: whoever delivers a row again does so later.
    """
    found = _may_be_known(rows, past)  # mostly few: only their content is looked at
    found[found] = _differing(rows if found.all() else rows.filter(pa.array(found)), past)
    return found


def _may_be_known(rows: pa.Table, past: AcceptedRows) -> Bools:
    """Whether a row may have the identity of another in the batch or in the lake: digests may agree by chance."""
    keys = _digests(rows, past.table.identity)
    _, place, times = np.unique(keys, return_inverse=True, return_counts=True)
    met: Bools = times[place] > 1
    for file in sorted(past.met):
        for some in past.identities(file):
            met |= np.isin(keys, _digests(some, past.table.identity))
    return met


def _differing(rows: pa.Table, past: AcceptedRows) -> Bools:
    table, number = past.table, np.arange(rows.num_rows)
    said = _digests(rows, _content(table))
    numbered = rows.select(table.identity).append_column("row", pa.array(number)).append_column("said", pa.array(said))
    differs: Bools = said != said[_firsts(numbered, table)]
    for file in sorted(past.met):
        for start in range(0, rows.num_rows, AT_ONCE):
            some = numbered.slice(start, AT_ONCE)
            there = past.rows(file, some)
            before = there.select(table.identity).append_column("before", pa.array(_digests(there, _content(table))))
            both = some.join(before, list(table.identity), join_type="inner")
            differs[both["row"].to_numpy()] = both["said"].to_numpy() != both["before"].to_numpy()
    return differs


def _content(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.name != table.received_time]


def examples(rows: pa.Table, differs: Bools, past: AcceptedRows) -> tuple[str, ...]:
    """What the first of the rows that differ said before, and what they say now."""
    table, found = past.table, []
    for row in np.flatnonzero(differs)[:SHOWN].tolist():
        now = rows.slice(row, 1).to_pylist()[0]
        identity = {name: now[name] for name in table.identity}
        before = past.row(identity) or _first(rows, identity)
        found.append(_told(table, identity, before, now))
    return tuple(found)


def check(differs: int, said: Sequence[str]) -> Check:
    """A warning about the rows that differ."""
    return Check(DIFFERS, "warning", ASKED, not differs, differs, "; ".join(said))


def _firsts(numbered: pa.Table, table: Table) -> NDArray[np.int64]:
    """Of each row the first in the batch that has its identity."""
    found = np.arange(numbered.num_rows)
    _, place, times = np.unique(_digests(numbered, table.identity), return_inverse=True, return_counts=True)
    numbered = numbered.filter(pa.array(times[place] > 1))  # of the others each is the first
    firsts = numbered.group_by(list(table.identity)).aggregate([("row", "min")])
    both = numbered.join(firsts, list(table.identity), join_type="inner")
    found[both["row"].to_numpy()] = both["row_min"].to_numpy()
    return found


def _first(rows: pa.Table, identity: Mapping[str, object]) -> dict[str, object]:
    alike = rows
    for name, value in identity.items():
        alike = alike.filter(pc.equal(alike[name], pa.scalar(value, alike[name].type)))
    row: dict[str, object] = alike.slice(0, 1).to_pylist()[0]
    return row


def _told(table: Table, identity: Mapping[str, object], before: Mapping[str, object], now: Mapping[str, object]) -> str:
    whose = ", ".join(f"{name} {str(value)[:80]}" for name, value in identity.items())
    news = [n for n in now if n != table.received_time and before[n] != now[n]]
    return f"{whose}: " + ", ".join(f"`{n}` was {str(before[n])[:80]}, now {str(now[n])[:80]}" for n in news)


def _digests(rows: pa.Table, names: Sequence[str]) -> Digests:
    """(rows,) a number that is the same where these columns are."""
    found = np.zeros(rows.num_rows, dtype=np.uint64)
    for start in range(0, rows.num_rows, AT_ONCE):  # text becomes Python's own on the way
        some = rows.slice(start, AT_ONCE)
        for name in names:
            part = found[start : start + AT_ONCE]
            part *= ODD
            part += _of_column(some[name].combine_chunks())
    return found


def _of_column(column: pa.Array) -> Digests:
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    digests = _of_lists(column) if pa.types.is_list(column.type) else _of_values(column)
    digests[column.is_null().to_numpy(zero_copy_only=False)] = 1
    return digests


def _of_lists(column: pa.ListArray) -> Digests:
    """Of each list the sum of its values' numbers, each times one that its place in the list decides."""
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
    values, ends = _of_column(column.flatten()), np.cumsum(lengths)
    place = np.arange(len(values)) - np.repeat(ends - lengths, lengths)
    total = np.concatenate([[np.uint64(0)], np.cumsum(values * (place.astype(np.uint64) * ODD | np.uint64(1)))])
    digests: Digests = total[ends] - total[ends - lengths] + lengths.astype(np.uint64)
    return digests


def _of_values(column: pa.Array) -> Digests:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    filled = column.fill_null("" if pa.types.is_string(column.type) else 0)
    if pa.types.is_floating(column.type):
        filled = pc.add(filled, pa.scalar(0.0, column.type))  # -0.0 is 0.0, and has other bits
    digests: Digests = pd.util.hash_array(np.asarray(filled.to_numpy(zero_copy_only=False)))
    return digests
