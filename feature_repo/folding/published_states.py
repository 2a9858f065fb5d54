"""Published states: one fold of contributions into decayed counters, for ranges of days and for micro-batches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feature_repo.definition import CounterView, FeatureSet, seconds
from feature_repo.folding.bursts import Burst, bursts
from feature_repo.folding.carry import MICROSECONDS, newly_published_rows, nothing, states_before, states_of
from feature_repo.folding.contributions import contributions
from feature_repo.folding.day_partitions import DRAFTED, Drafts, commit, placed
from feature_repo.folding.snapshots import Snapshots
from feature_repo.folding.weights import counted
from infra.lake import Lake, days_from
from validation.contract import Table

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


StateBatches = Iterator[pa.RecordBatch]


@dataclass(frozen=True, slots=True)
class PublishedFacts:
    """The numbers of a publication: events counted, rows published by view, entities with a state by view.

    `first` to `last` are the days asked for, `written` those that were written: also stale and unpublished ones.
    `bursts` are those of the days asked for.
    """

    first: date
    last: date
    events: int
    rows: Mapping[str, int]
    entities: Mapping[str, int]
    written: tuple[date, ...] = ()
    bursts: tuple[Burst, ...] = ()


def publish_states(
    spark: "SparkSession",
    lake: Lake,
    features: FeatureSet,
    tables: Mapping[str, Table],
    first: date,
    last: date,
    as_of: datetime | None = None,
) -> PublishedFacts:
    """Fold the days from `first` to `last`, both inclusive, into `states/<view>`, from the newest snapshot before them.

    Stale days are folded and written as well, before `first` and after `last`; and so are days between that snapshot
    and `first` that were never published, without a snapshot all since the first event. Other days are not touched.
    Doing it again gives the same rows. It is done at `as_of`, by default after all of these days.
    """
    snapshots = Snapshots(lake, features)
    with lake.locked("states"):
        files_read, published_days = snapshots.parts(), snapshots.published
        stale = published_days.stale(files_read)
        begin, end = min([first, *stale]), max([last, *stale])
        before = snapshots.newest_before(begin, files_read)
        start = before + timedelta(days=1) if before else min([begin, *snapshots.received_days()])
        records = published_days.records()
        begin = next(day for day in days_from(start, begin) if day == begin or day not in records)
        days = days_from(begin, end)
        published_days.begin(days)
        snapshots.forget(days)
        events = contributions(spark, lake, features, tables, start, end).persist()
        try:
            published = {
                view.name: _publish_view(events, snapshots.read(spark, view, before), lake, view, days)
                for view in features.counter_views
            }
            rows_counted = events.count()
            pushed = tuple(burst for burst in bursts(events, features) if first <= burst.day <= last)
        finally:
            events.unpersist()
        snapshots.complete(_snapshot_days(days), files_read)
        published_days.done(days, files_read, as_of)
    rows = {
        name: sum(count for day, count in counts.items() if day >= first) for name, (counts, _) in published.items()
    }
    entities = {name: entities for name, (_, entities) in published.items()}
    return PublishedFacts(first, last, rows_counted, rows, entities, tuple(days), pushed)


def _publish_view(
    events: "DataFrame", previous: "DataFrame | None", lake: Lake, view: CounterView, days: list[date]
) -> tuple[dict[date, int], int]:
    """Replace a view's days; says the rows of each, and how many entities have a state at the end of the last."""
    task = partial(_drafted, placed(lake), view, days[0], _snapshot_days(days))
    drafts = ordered(events, previous, view).mapInArrow(task, DRAFTED).toArrow()
    rows = commit(lake, f"states/{view.name}", drafts, days)
    if not lake.days(f"states/{view.name}"):  # a view without events is published empty, so that it can be read
        lake.append(f"states/{view.name}", days[-1], nothing(view))
    return rows, commit(lake, f"snapshots/{view.name}", drafts, _snapshot_days(days))[days[-1]]


def _snapshot_days(days: list[date]) -> list[date]:
    """The days to take snapshots of: the last is often published again, and then starts from the one before."""
    return days[-2:]


def _drafted(
    lake: Lake, view: CounterView, first: date, snapshot_days: list[date], batches: StateBatches
) -> StateBatches:
    """Drafts what a task's entities publish from `first` on, and their states at the ends of `snapshot_days`."""
    drafts = Drafts(lake)
    for batch in states_of(view, batches):
        rows = newly_published_rows(view, batch)
        rows = rows.filter(pc.field("published_at") >= datetime.combine(first, time(), UTC))
        drafts.add(f"states/{view.name}", rows, rows["published_at"].cast(pa.date32()))
        for day in snapshot_days:
            states_at_end = states_before(view, batch, datetime.combine(day + timedelta(days=1), time(), UTC))
            drafts.add(f"snapshots/{view.name}", states_at_end, pa.array([day] * len(states_at_end), pa.date32()))
    yield drafts.close()


def fold(contributions: "DataFrame", previous: "DataFrame | None", view: CounterView) -> "DataFrame":
    """The rows that contributions publish, added to `previous` states: keys, `published_at`, counters in float64.

    `previous` holds at most one row for each entity, in the same columns. Where batches come out of order, a
    contribution published before its entity's state counts at that state's moment, which is published again: the newest
    row of an entity is right for any order and any split of the contributions.
    """
    from pyspark.sql.types import StructField, StructType, TimestampType

    rows = ordered(contributions, previous, view)
    schema = StructType([*rows.schema.fields, StructField("until", TimestampType())])
    return rows.mapInArrow(partial(states_of, view), schema).where("is_new").drop("is_new", "until")


def ordered(contributions: "DataFrame", previous: "DataFrame | None", view: CounterView) -> "DataFrame":
    """Sums and previous states, sorted so that one pass makes the states of each entity."""
    from pyspark.sql import functions as sql

    rows = summed(contributions, view).withColumn("is_new", sql.lit(True))
    if previous is not None:
        before = previous.select(*view.keys, "published_at", *view.counters).withColumn("is_new", sql.lit(False))
        rows = rows.unionByName(before)
    return rows.repartition(*view.keys).sortWithinPartitions(*view.keys, "is_new", "published_at")


def summed(contributions: "DataFrame", view: CounterView) -> "DataFrame":
    """The sums of contributions by entity and moment of publication, each decayed to that moment."""
    from pyspark.sql import functions as sql

    keyed = " AND ".join(f"{key} IS NOT NULL" for key in view.keys)
    counts = " OR ".join(f"{counted(view, signal)} IS NOT NULL" for signal in view.counts)
    age = (sql.unix_micros("published_at") - sql.unix_micros("event_time")) / MICROSECONDS
    labels = sorted({label for labels in view.counts.values() for label in labels})
    # An event dated later than its publication counts as of its publication: a wrong clock cannot make a counter grow.
    rows = contributions.where(f"{keyed} AND ({counts})").withColumn("age", sql.greatest(age, sql.lit(0.0)))
    rows = rows.withColumns(
        {f"kept_{label}": sql.exp(sql.col("age") * (-np.log(2) / seconds(label))) for label in labels}
    )
    sums = [_sum(view, signal, label) for signal, labels in view.counts.items() for label in labels]
    return rows.groupBy(*view.keys, "published_at").agg(*sums)


def _sum(view: CounterView, signal: str, label: str) -> "Column":
    from pyspark.sql import functions as sql

    total = sql.sum(sql.col(counted(view, signal)) * sql.col(f"kept_{label}"))
    return sql.coalesce(total, sql.lit(0.0)).alias(f"{signal}_{label}")
