"""The vectorised pass of the fold: sorted sums of many entities become their states, batch by batch."""

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from feature_repo.counters import carry
from feature_repo.definition import CounterView

MICROSECONDS = 1e6
NEVER = np.iinfo(np.int64).max


def states_of(view: CounterView, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The states of rows sorted by entity, previous state first, then moment; each is valid until `until`.

    Of rows with the same moment only the last one, which includes the others, comes out. A batch's last row is put
    before the next batch, which continues from it: memory is bounded by the batch and not by the partition.
    """
    waiting: pa.Table | None = None
    for batch in batches:
        rows = pa.Table.from_batches([batch])
        states, until = _advanced(view, rows if waiting is None else pa.concat_tables([waiting, rows]))
        waiting = states.slice(len(states) - 1)
        yield from _standing(states.slice(0, len(states) - 1), until[:-1])
    if waiting is not None:
        yield from _standing(waiting, np.array([NEVER]))


def _advanced(view: CounterView, rows: pa.Table) -> tuple[pa.Table, NDArray[np.int64]]:
    """The rows as states, each with the moment of its entity's next row."""
    is_first = _is_first(rows, view.keys)
    starts = np.maximum.accumulate(np.where(is_first, np.arange(len(rows)), 0))
    published_at = rows["published_at"].cast(pa.int64()).to_numpy()
    at = np.maximum(published_at, published_at[starts])  # no state is published before the one that it is added to
    half_lives = np.array(view.half_lives)
    sums = np.stack([rows[name].to_numpy() for name in view.counters])
    sums *= np.exp2((published_at - at) / MICROSECONDS / half_lives[:, None])
    states = carry(sums, (at - at.min()) / MICROSECONDS, starts, half_lives)
    columns = {name: rows[name] for name in rows.column_names} | dict(zip(view.counters, states, strict=True))
    columns["published_at"] = pa.array(at).cast(rows.schema.field("published_at").type)
    return pa.table(columns, schema=rows.schema), np.where(np.append(is_first[1:], True), NEVER, np.append(at[1:], 0))


def _is_first(rows: pa.Table, keys: tuple[str, ...]) -> NDArray[np.bool_]:
    differs = np.zeros(len(rows) - 1, dtype=bool)
    for key in keys:
        column = rows[key].combine_chunks()
        differs |= pc.not_equal(column.slice(1), column.slice(0, len(rows) - 1)).to_numpy(zero_copy_only=False)
    return np.append(True, differs)


def _standing(states: pa.Table, until: NDArray[np.int64]) -> Iterator[pa.RecordBatch]:
    """The states that are valid for more than no time, with `until`."""
    moment = states.schema.field("published_at").type
    stands = until > states["published_at"].cast(pa.int64()).to_numpy()
    timed = states.append_column("until", pa.array(until, mask=until == NEVER).cast(moment))
    yield from timed.filter(pa.array(stands)).to_batches()


def newly_published_rows(view: CounterView, states: pa.RecordBatch) -> pa.Table:
    """The new rows of `states_of` as the lake stores them: counters in float32, with `event_timestamp`."""
    rows = pa.Table.from_batches([states]).filter(pc.field("is_new"))
    columns = {key: rows[key] for key in view.keys}
    columns |= {"event_timestamp": rows["published_at"], "published_at": rows["published_at"]}
    return pa.table(columns | {name: rows[name].cast(pa.float32()) for name in view.counters})


def nothing(view: CounterView) -> pa.Table:
    """No rows at all, in the columns of `published`."""
    times = dict.fromkeys(("event_timestamp", "published_at"), pa.timestamp("us", tz="UTC"))
    columns = {**dict.fromkeys(view.keys, pa.string()), **times, **dict.fromkeys(view.counters, pa.float32())}
    return pa.schema(columns).empty_table()


def states_before(view: CounterView, states: pa.RecordBatch, end: datetime) -> pa.Table:
    """The rows of `states_of` that are valid just before `end`, one for each entity, in float64 for the next fold."""
    lasts = pc.field("until").is_null() | (pc.field("until") >= end)
    rows = pa.Table.from_batches([states]).filter((pc.field("published_at") < end) & lasts)
    return rows.select([*view.keys, "published_at", *view.counters])
