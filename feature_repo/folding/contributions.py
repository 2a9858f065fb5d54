"""What events add to counters: accepted rows, the columns they borrow, and when all of it was known."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from feature_repo.definition import WAIT_DAYS, FeatureSet, Lookup, Signal
from feature_repo.event_sources import EventSource, sources
from feature_repo.folding.influence import EVENT, TRUST, WHAT, WHO, capped
from feature_repo.folding.weights import weight
from infra.lake import Lake
from infra.spark_files import read_files
from validation.contract import Table

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


LARGEST = float(np.finfo(np.float32).max)


def contributions(
    spark: "SparkSession", lake: Lake, features: FeatureSet, tables: Mapping[str, Table], first: date, last: date
) -> "DataFrame":
    """What was published on the days from `first` to `last`, both inclusive, in the form of `contributed`, and capped.

    A minute's events are published as the next minute begins: the last minute of a day belongs to the next day.
    """
    from pyspark.sql import functions as sql

    oldest = first - timedelta(days=WAIT_DAYS + 1)
    events, described = {}, {}
    for source in sources(features, tables):
        name = source.table.name
        days = [day for day in lake.days(f"tables/{name}") if oldest <= day <= last]
        events[name] = read_accepted_rows(spark, lake, source.table, days)
        for lookup in source.lookups:
            days = [day for day in lake.days(f"tables/{lookup.table}") if day <= last]
            described[lookup.table] = read_accepted_rows(spark, lake, tables[lookup.table], days)
    published = contributed(events, described, features, tables)
    return capped(published.where(sql.to_date("published_at").between(sql.lit(first), sql.lit(last))), features)


def contributed(
    events: Mapping[str, "DataFrame"], described: Mapping[str, "DataFrame"], features: FeatureSet,
    tables: Mapping[str, Table],
) -> "DataFrame":  # fmt: skip
    """Accepted rows as contributions: one row an event that counts for any signal and lacks no description.

    Columns: every key of a counter view (null where the event has none), `event_time`, `known_at`, `published_at`, and
    one `weight_of_<signal>` each; where users are capped, also what `capped` reads. `events` and `described` are rows
    by table; an event given twice counts once.
    """
    parts = [
        _weighed(
            _known(without_repeats(events[source.table.name], source.table), source, described, tables),
            source,
            features,
        )
        for source in sources(features, tables)
    ]
    return reduce(lambda left, right: left.unionByName(right, allowMissingColumns=True), parts)


def without_repeats(events: "DataFrame", table: Table) -> "DataFrame":
    """The events without repetitions: of each key the row that was received first."""
    from pyspark.sql import Window
    from pyspark.sql import functions as sql

    place = sql.row_number().over(Window.partitionBy(*table.key).orderBy(table.received_time, table.event_time))
    return events.withColumn("delivery", place).where("delivery = 1").drop("delivery")


def _known(
    events: "DataFrame", source: EventSource, described: Mapping[str, "DataFrame"], tables: Mapping[str, Table]
) -> "DataFrame":
    """The events with borrowed columns and `known_at`, without those that still wait for a description or waited too
    long: whether an event counts depends on itself, and not on the days that are folded together."""
    from pyspark.sql import functions as sql

    moments = [source.table.received_time]
    for lookup in source.lookups:
        moments.append(f"{lookup.table}_known_at")
        first = _first_description(described[lookup.table], lookup, tables[lookup.table], moments[-1])
        events = events.join(first, lookup.on)
    known_in_time = sql.col("known_at") <= sql.col(source.table.received_time) + sql.lit(timedelta(days=WAIT_DAYS))
    return events.withColumn("known_at", sql.array_max(sql.array(*moments))).where(known_in_time)


def _first_description(rows: "DataFrame", lookup: Lookup, table: Table, known_at: str) -> "DataFrame":
    from pyspark.sql import functions as sql

    described = rows.where(sql.col(lookup.on).isNotNull()).select(
        sql.col(lookup.on),
        sql.struct(table.received_time, table.event_time).alias("order"),
        sql.struct(*(sql.expr(code).alias(name) for name, code in lookup.columns.items())).alias("borrowed"),
    )
    earliest = (sql.min("order").alias("order"), sql.min_by("borrowed", "order").alias("borrowed"))
    first = described.groupBy(lookup.on).agg(*earliest)
    return first.select(lookup.on, "borrowed.*", sql.col(f"order.{table.received_time}").alias(known_at))


def _weighed(events: "DataFrame", source: EventSource, features: FeatureSet) -> "DataFrame":
    from pyspark.sql import functions as sql

    period = features.publish_every_s
    published_at = sql.timestamp_seconds((sql.floor(sql.unix_seconds("known_at") / period) + 1) * period)
    keys = dict.fromkeys(key for view in features.counter_views for key in view.keys if key in source.columns)
    counts = " OR ".join(f"{weight(signal.name)} IS NOT NULL" for signal in source.signals)
    return events.select(
        *keys,
        sql.col(source.table.event_time).alias("event_time"),
        "known_at",
        published_at.alias("published_at"),
        *_of_user(source, features),
        *(_weight_of(signal) for signal in source.signals),
    ).where(counts)


def _of_user(source: EventSource, features: FeatureSet) -> "Iterator[Column]":
    """Whose event it is, about what, how much it is trusted, and its name; nothing where no view is capped."""
    from pyspark.sql import functions as sql

    influence = features.influence
    if influence is None:
        return
    name = sql.concat_ws(" ", *(sql.col(key).cast("string") for key in source.table.key))
    if {signal.name for signal in source.signals} & set(features.capped_signals):
        trust = sql.expr(f"CAST({influence.trust} AS DOUBLE)")
        yield sql.col(influence.who).cast("string").alias(WHO)
        yield sql.col(influence.what).cast("string").alias(WHAT)
        yield sql.when(trust > 0, sql.least(sql.lit(1.0), trust)).otherwise(sql.lit(0.0)).alias(TRUST)
    else:  # nothing of it is capped: it stands alone
        yield name.alias(WHAT)
    yield name.alias(EVENT)


def _weight_of(signal: Signal) -> "Column":
    from pyspark.sql import functions as sql

    # Counters are published in 32 bits: a larger weight would be infinite there, and decay never makes that finite.
    # Spark takes NaN for larger than any number.
    number = f"CAST({signal.weight} AS DOUBLE)"
    counted = f"CASE WHEN ({signal.where}) AND abs({number}) <= double('{LARGEST!r}') THEN {number} END"
    return sql.expr(counted).alias(weight(signal.name))


def read_accepted_rows(spark: "SparkSession", lake: Lake, table: Table, days: list[date]) -> "DataFrame":
    """The accepted rows of a table received on `days`."""
    return read_files(spark, lake.places(f"tables/{table.name}", days), table.schema)
