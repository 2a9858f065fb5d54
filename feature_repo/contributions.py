"""What events add to counters: accepted rows, with what they borrow, and the moment all of it was known."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from typing import TYPE_CHECKING

from feature_repo.definition import FeatureSet, Lookup, Signal
from validation.contract import Table, unknown
from validation.errors import DefinitionError
from validation.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

WAIT_DAYS = 7
"""How long an event waits for a description that it borrows from; after that it is never counted."""


def weight(signal: str) -> str:
    """The column that holds what an event adds to a signal; null where the signal does not count it."""
    return f"weight_of_{signal}"


@dataclass(frozen=True, slots=True)
class Source:
    """One event table as the features use it: its signals, and the lookups it can borrow through."""

    table: Table
    signals: tuple[Signal, ...]
    lookups: tuple[Lookup, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that a signal or a key can name."""
        return (*(c.name for c in self.table.columns), *(name for look in self.lookups for name in look.columns))


def sources(features: FeatureSet, tables: Mapping[str, Table]) -> tuple[Source, ...]:
    """The event tables that are counted; raises DefinitionError where features and tables do not fit each other."""
    for name in [s.table for s in features.signals] + [look.table for look in features.lookups]:
        if name not in tables:
            raise DefinitionError(f"features {features.name}: table {unknown(name, tables)}")
    found = tuple(_source(features, tables[name]) for name in dict.fromkeys(s.table for s in features.signals))
    for view in features.counter_views:
        for signal in view.counts:
            columns = next(s.columns for s in found if signal in {x.name for x in s.signals})
            for key in view.keys:
                if key not in columns:
                    raise DefinitionError(f"counter view {view.name}: events of signal {signal}: key {unknown(key, columns)}")
    return found


def _source(features: FeatureSet, table: Table) -> Source:
    own = {c.name for c in table.columns}
    source = Source(
        table,
        tuple(s for s in features.signals if s.table == table.name),
        tuple(look for look in features.lookups if look.on in own),
    )
    twice = {name for name in source.columns if source.columns.count(name) > 1}
    if twice:
        raise DefinitionError(f"lookups on {table.name}: {sorted(twice)} exist already. Give the borrowed columns other names.")
    return source


def contributions(
    spark: "SparkSession", lake: Lake, features: FeatureSet, tables: Mapping[str, Table], first: date, last: date
) -> "DataFrame":
    """What was published from `first` to `last`, both inclusive: one row an event that counts for any signal.

    Columns: every key of a counter view (null where the event has none), `event_time`, `known_at`, `published_at` and one
    `weight_of_<signal>` each. A minute's events are published as the next minute begins, so that the last minute of a day
    belongs to the next one.
    """
    from pyspark.sql import functions as F

    keys = tuple(dict.fromkeys(key for view in features.counter_views for key in view.keys))
    waited = first - timedelta(days=WAIT_DAYS + 1)
    parts = [
        weighed(enriched(spark, source, lake, tables, [d for d in lake.days(source.table.name) if waited <= d <= last], last),
                source, features, keys)
        for source in sources(features, tables)
    ]  # fmt: skip
    every = reduce(lambda left, right: left.unionByName(right, allowMissingColumns=True), parts)
    return every.where(F.to_date("published_at").between(F.lit(first), F.lit(last)))


def enriched(
    spark: "SparkSession", source: Source, lake: Lake, tables: Mapping[str, Table], days: list[date], last: date
) -> "DataFrame":
    """Events received on `days`, each key once, with what they borrow and `known_at`; those still waiting are left out."""
    from pyspark.sql import functions as F

    events = once(read(spark, lake, source.table, days), source.table)
    known = [F.col(source.table.received_time)]
    for i, lookup in enumerate(source.lookups):
        described = tables[lookup.table]
        rows = read(spark, lake, described, [d for d in lake.days(described.name) if d <= last])
        events = events.join(_first_description(rows, lookup, described, f"described_{i}"), lookup.on)
        known.append(F.col(f"described_{i}"))
    return events.withColumn("known_at", F.greatest(*known) if len(known) > 1 else known[0])


def _first_description(rows: "DataFrame", lookup: Lookup, table: Table, known_at: str) -> "DataFrame":
    from pyspark.sql import functions as F

    borrowed = rows.select(
        lookup.on,
        F.struct(table.received_time, table.event_time).alias("order"),
        F.struct(*(F.expr(sql).alias(name) for name, sql in lookup.columns.items())).alias("borrowed"),
    )
    firsts = borrowed.where(F.col(lookup.on).isNotNull()).groupBy(lookup.on).agg(
        F.min_by("borrowed", "order").alias("borrowed"), F.min("order").alias("order")
    )  # fmt: skip
    return firsts.select(lookup.on, "borrowed.*", F.col(f"order.{table.received_time}").alias(known_at))


def once(events: "DataFrame", table: Table) -> "DataFrame":
    """The events without repetitions: of each key the row that was received first."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    place = F.row_number().over(Window.partitionBy(*table.key).orderBy(table.received_time, table.event_time))
    return events.withColumn("delivery", place).where("delivery = 1").drop("delivery")


def weighed(events: "DataFrame", source: Source, features: FeatureSet, keys: tuple[str, ...]) -> "DataFrame":
    """The events as contributions: keys, times, and a weight for each signal that counts them."""
    from pyspark.sql import functions as F

    every = features.publish_every_s
    published = (F.floor(F.unix_seconds("known_at") / every) + 1) * every
    held = [key for key in keys if key in source.columns]
    weights = [_weight(signal) for signal in source.signals]
    return (
        events.select(
            *held, F.col(source.table.event_time).alias("event_time"), "known_at",
            F.timestamp_seconds(published).alias("published_at"), *weights,
        )
        .where(" OR ".join(f"{weight(s.name)} IS NOT NULL" for s in source.signals))
    )  # fmt: skip


def _weight(signal: Signal) -> "object":
    from pyspark.sql import functions as F

    # A weight that is no number would stay in the counter for ever. Spark holds NaN to be larger than infinity.
    finite = f"abs(CAST({signal.weight} AS DOUBLE)) < double('infinity')"
    return F.expr(f"CASE WHEN ({signal.where}) AND {finite} THEN CAST({signal.weight} AS DOUBLE) END").alias(
        weight(signal.name)
    )


def read(spark: "SparkSession", lake: Lake, table: Table, days: list[date]) -> "DataFrame":
    """The accepted rows of a table received on `days`."""
    from pyspark.sql.pandas.types import from_arrow_schema

    schema = from_arrow_schema(table.schema)
    folders = [str(lake.path(f"tables/{table.name}", day)) for day in days]
    return spark.read.schema(schema).parquet(*folders) if folders else spark.createDataFrame([], schema)


def received_days(lake: Lake, features: FeatureSet) -> Iterator[date]:
    """The days on which events that are counted were received."""
    for name in dict.fromkeys(s.table for s in features.signals):
        yield from lake.days(f"tables/{name}")
