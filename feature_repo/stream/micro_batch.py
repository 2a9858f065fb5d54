"""The fold of a micro-batch: the sums of a few events, as the nightly fold defines them, added to stored states."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feature_repo.counters import Seconds
from feature_repo.definition import CounterView, FeatureSet
from feature_repo.folding import (
    BEFORE,
    MICROSECONDS,
    capped,
    contributed,
    counter_rows,
    rows_to_fold,
    states_of,
    sums_of_views,
)
from feature_repo.records import split
from feature_repo.stream.descriptions import keys_of
from feature_repo.stream.stream_state import DAY, Micros
from validation.contract import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MOMENT = pa.timestamp("us", tz="UTC")
Stored = tuple[str, int, int, bytes]
"""A state as it is stored: joined key, day, moment in µs, counters as float64."""


def contributions(
    spark: "SparkSession", events: Mapping[str, pa.Table], described: Mapping[str, pa.Table], features: FeatureSet,
    tables: Mapping[str, Table],
) -> pa.Table:  # fmt: skip
    """What events contribute, not capped yet.

    `events` holds rows of every event table, `described` the first descriptions of the entities in them.
    """
    event_frames = {name: frame_of(spark, rows) for name, rows in events.items()}
    described_frames = {name: frame_of(spark, rows) for name, rows in described.items()}
    return contributed(event_frames, described_frames, features, tables).toArrow()


def within_cap(spark: "SparkSession", new: pa.Table, before: pa.Table, features: FeatureSet) -> pa.Table:
    """New contributions and those added up before in their cells, as `capped` has them."""
    parts = [
        rows.append_column(BEFORE, pa.array([added] * len(rows), pa.bool_()))
        for rows, added in ((before, True), (new, False))
    ]
    return capped(frame_of(spark, pa.concat_tables(parts)).coalesce(1), features).toArrow()


def sums(spark: "SparkSession", contributions: pa.Table, features: FeatureSet) -> dict[str, pa.Table]:
    """The sums of contributions by view: keys, `published_at`, counters in float64. All views are one Spark job."""
    frame = frame_of(spark, contributions).coalesce(1)
    return sums_of_views({view.name: frame for view in features.counter_views}, features.counter_views)


def frame_of(spark: "SparkSession", rows: pa.Table) -> "DataFrame":
    """A Spark frame of rows; Spark needs at least one chunk, which may be empty."""
    batches = rows.to_batches() or [pa.RecordBatch.from_pylist([], schema=rows.schema)]
    return spark.createDataFrame(pa.Table.from_batches(batches))


def moved_up(view: CounterView, sums: pa.Table, earliest: int) -> pa.Table:
    """The sums, where those published before a moment are moved to it and decayed."""
    at = _micros(sums["published_at"])
    late = np.maximum(earliest - at, 0) / MICROSECONDS
    values = _values(view, sums) * np.exp2(-late[:, None] / np.array(view.half_lives))
    return counter_rows(view, [split(key) for key in keys_of(sums, view.keys)], np.maximum(at, earliest), values)


def published(view: CounterView, sums: pa.Table, stored: Sequence[Stored]) -> pa.Table:
    """The states that the sums publish, added to all that is stored of their entities."""
    return _news(view, sums, _merged(view, stored))


def by_day(view: CounterView, sums: pa.Table, stored: Sequence[Stored]) -> list[Stored]:
    """The rows to store: for each day with a publication, all that the day added to each entity."""
    days = _micros(sums["published_at"]) // DAY
    rows: list[Stored] = []
    for day in np.unique(days).tolist():
        before = _merged(view, [row for row in stored if row[1] == day])
        states = _news(view, sums.filter(pa.array(days == day)), before)
        rows += {row[0]: row for row in stored_rows(view, states, day)}.values()  # of an entity's states the last
    return rows


def stored_rows(view: CounterView, states: pa.Table, day: int) -> Iterator[Stored]:
    """States as they are stored, in the same order."""
    at, values = _micros(states["published_at"]).tolist(), _values(view, states)
    for key, moment, counters in zip(keys_of(states, view.keys), at, values, strict=True):
        yield key, day, moment, counters.tobytes()


def _news(view: CounterView, sums: pa.Table, before: pa.Table) -> pa.Table:
    """The fold: states after each sum, in order; `before` has at most one state of each entity."""
    if not len(sums) + len(before):
        return sums
    batches = rows_to_fold(view, sums, before)
    return pa.Table.from_batches(states_of(view, iter(batches))).filter(pc.field("is_new")).select(sums.column_names)


def _merged(view: CounterView, stored: Sequence[Stored]) -> pa.Table:
    """One state for each entity from the rows of several days, at the moment of the newest."""
    rows = sorted(stored)
    keys = [key for key, _, _, _ in rows]
    at = np.array([moment for _, _, moment, _ in rows], dtype=np.int64)
    counters = np.frombuffer(b"".join([values for _, _, _, values in rows])).reshape(len(rows), len(view.counters))
    starts = [i for i, key in enumerate(keys) if i == 0 or key != keys[i - 1]]
    if not starts:
        return counter_rows(view, [], at, counters)
    newest = np.maximum.reduceat(at, starts)
    age = (np.repeat(newest, np.diff([*starts, len(rows)])) - at) / MICROSECONDS
    total = np.add.reduceat(counters * np.exp2(-age[:, None] / np.array(view.half_lives)), starts)
    return counter_rows(view, [split(keys[i]) for i in starts], newest, total)


def _values(view: CounterView, states: pa.Table) -> Seconds:
    return np.stack([states[name].to_numpy() for name in view.counters], axis=1)


def _micros(moments: pa.ChunkedArray) -> Micros:
    return np.asarray(moments.cast(MOMENT).cast(pa.int64()).to_numpy())
