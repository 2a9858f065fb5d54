"""The fold of few events: the sums of all views in one Spark job, the states in this process."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feature_repo.counters import Seconds
from feature_repo.definition import CounterView, FeatureSet
from feature_repo.folding.carry import newly_published_rows, nothing, states_of
from feature_repo.folding.contributions import contributions
from feature_repo.folding.published_states import summed
from infra.arrays import Int64s
from infra.lake import Lake
from validation.contract import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MOMENT = pa.timestamp("us", tz="UTC")
IN_ONE_TASK = 1_000_000  # contributions: exchanging fewer of them between tasks costs more than it saves


def sums_of_views(frames: Mapping[str, "DataFrame"], views: Sequence[CounterView]) -> dict[str, pa.Table]:
    """The sums by view: keys, `published_at`, counters in float64; `frames` has the contributions of each view."""
    packed = [_packed(frames[view.name], view) for view in views]
    all_sums = reduce(lambda left, right: left.unionAll(right), packed).toArrow()
    return {view.name: _unpacked(all_sums, view) for view in views}


def states_of_few(
    spark: "SparkSession", lake: Lake, features: FeatureSet, tables: Mapping[str, Table], first: date, last: date,
    few: Mapping[str, pa.Table], before: date | None,
) -> dict[str, pa.Table]:  # fmt: skip
    """What `states/<view>` has of a few entities from `first` to `last`, after their states at the end of `before`.

    few     view → the keys of its entities, one row each
    before  the day before the first, of which there is a snapshot; None: nothing was counted before
    """
    events = contributions(spark, lake, features, tables, first, last).persist()
    try:
        together = events.coalesce(1) if events.count() <= IN_ONE_TASK else events
        frames = {view.name: _only(spark, together, few[view.name]) for view in features.counter_views}
        sums = sums_of_views(frames, features.counter_views)
    finally:
        events.unpersist()
    states = {}
    for view in features.counter_views:
        snapshot = _snapshot(lake, view, few[view.name], before)
        batches = rows_to_fold(view, sums[view.name], snapshot)
        new = [newly_published_rows(view, batch) for batch in states_of(view, iter(batches))]
        states[view.name] = pa.concat_tables([nothing(view), _published(view, snapshot), *new])
    return states


def rows_to_fold(view: CounterView, sums: pa.Table, before: pa.Table) -> list[pa.RecordBatch]:
    """Sums, and at most one state of each entity from before them, in the order in which they are folded."""
    rows = pa.concat_tables([
        before.append_column("is_new", pa.array([False] * len(before), pa.bool_())),
        sums.append_column("is_new", pa.array([True] * len(sums), pa.bool_())),
    ])  # fmt: skip
    order = [(name, "ascending") for name in (*view.keys, "is_new", "published_at")]
    batches: list[pa.RecordBatch] = rows.sort_by(order).combine_chunks().to_batches()
    return batches


def counter_rows(view: CounterView, keys: Sequence[Sequence[str]], at: Int64s, counters: Seconds) -> pa.Table:
    """Sums or states of a view as a table; `at` is in µs, `counters` (rows, counters)."""
    columns = {name: pa.array([key[i] for key in keys], pa.string()) for i, name in enumerate(view.keys)}
    columns["published_at"] = pa.array(at, pa.int64()).cast(MOMENT)
    return pa.table(columns | {name: pa.array(counters[:, i]) for i, name in enumerate(view.counters)})


def _packed(contributed: "DataFrame", view: CounterView) -> "DataFrame":
    """A view's sums, in columns that are the same for every view."""
    from pyspark.sql import functions as sql

    packed = [
        sql.lit(view.name).alias("view"),
        sql.array(*(sql.col(key).cast("string") for key in view.keys)).alias("keys"),
        sql.col("published_at"),
    ]
    return summed(contributed, view).select(*packed, sql.array(*view.counters).alias("sums"))


def _unpacked(all_sums: pa.Table, view: CounterView) -> pa.Table:
    of_view = all_sums.filter(pc.equal(all_sums["view"], view.name))
    at = of_view["published_at"].cast(MOMENT).cast(pa.int64()).to_numpy()
    counters = pc.list_flatten(of_view["sums"]).to_numpy().reshape(len(of_view), len(view.counters))
    return counter_rows(view, of_view["keys"].to_pylist(), np.asarray(at), np.asarray(counters))


def _only(spark: "SparkSession", events: "DataFrame", few: pa.Table) -> "DataFrame":
    from pyspark.sql import functions as sql

    if not len(few):
        return events.limit(0)
    return events.join(sql.broadcast(spark.createDataFrame(few)), few.column_names, "left_semi")


def _snapshot(lake: Lake, view: CounterView, few: pa.Table, before: date | None) -> pa.Table:
    """The states of a few entities at the end of a day, in float64."""
    columns = [*view.keys, "published_at", *view.counters]
    schema = counter_rows(view, [], np.empty(0, np.int64), np.empty((0, len(view.counters)))).schema
    rows = schema.empty_table() if before is None else lake.read(f"snapshots/{view.name}", [before])
    if not len(rows) or not len(few):
        return schema.empty_table()
    return rows.select(columns).join(few, list(view.keys), join_type="left semi").select(columns).cast(schema)


def _published(view: CounterView, states: pa.Table) -> pa.Table:
    columns = {key: states[key] for key in view.keys}
    columns |= {"event_timestamp": states["published_at"], "published_at": states["published_at"]}
    return pa.table(columns | {name: states[name].cast(pa.float32()) for name in view.counters})
