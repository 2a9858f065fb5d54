"""Profiles: slow attributes of entities, as their descriptions were received."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING

from feature_repo.definition import FeatureSet, ProfileView
from feature_repo.field_types import spark_type
from feature_repo.folding.contributions import read_accepted_rows
from feature_repo.folding.day_partitions import replace_days
from feature_repo.folding.published_days import PROFILES, PublishedDays
from feature_repo.folding.snapshots import parts_of
from infra.errors import DefinitionError
from infra.lake import Lake, days_from
from validation.contract import Table, unknown

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def publish_profiles(
    spark: "SparkSession",
    lake: Lake,
    features: FeatureSet,
    tables: Mapping[str, Table],
    first: date,
    last: date,
    as_of: datetime | None = None,
) -> dict[str, int]:
    """Write `profiles/<view>` for the days of receipt from `first` to `last`, both inclusive, and for stale days.

    A row is keys, fields, `event_timestamp` (when the description was known: when it was received) and `created`.
    Returns each view's rows. It is done at `as_of`, by default after all of these days.
    """
    from pyspark.sql import functions as sql

    for view in features.profile_views:
        if view.table not in tables:
            raise DefinitionError(f"profile view {view.name}: table {unknown(view.table, tables)}")
    published, read = published_profiles(lake), parts_of(lake, [view.table for view in features.profile_views])
    rows = {}
    with lake.locked("profiles"):
        stale = published.stale(read)
        days = days_from(min([first, *stale]), max([last, *stale]))
        published.begin(days)
        for view in features.profile_views:
            table = tables[view.table]
            received = [day for day in lake.days(f"tables/{table.name}") if day <= days[-1]]
            descriptions = described(read_accepted_rows(spark, lake, table, received), view, table)
            of_range = descriptions.where(sql.to_date("event_timestamp").between(sql.lit(days[0]), sql.lit(days[-1])))
            rows[view.name] = replace_days(lake, f"profiles/{view.name}", of_range, "event_timestamp", days)
            if not lake.days(f"profiles/{view.name}"):  # published empty, so that it can be read
                lake.append(f"profiles/{view.name}", days[-1], of_range.limit(0).toArrow())
        published.done(days, read, as_of)
    return rows


def published_profiles(lake: Lake) -> PublishedDays:
    """The days on which profiles were published. A changed definition makes none stale: it reads old rows, too."""
    return PublishedDays(lake, PROFILES, counted="")


def described(rows: "DataFrame", view: ProfileView, table: Table) -> "DataFrame":
    """The descriptions as rows of the view, without those that were received with or after a newer one."""
    from pyspark.sql import Window
    from pyspark.sql import functions as sql

    entity = Window.partitionBy(*view.keys)
    up_to_receipt = entity.orderBy(table.received_time).rangeBetween(Window.unboundedPreceding, Window.currentRow)
    place = sql.row_number().over(
        Window.partitionBy(*view.keys, table.received_time).orderBy(sql.desc(table.event_time))
    )
    newest = sql.max(table.event_time).over(up_to_receipt)
    received = sql.col(table.received_time)
    fields = [sql.expr(code).cast(spark_type(kind)).alias(name) for name, (kind, code) in view.fields.items()]
    keyed = rows.where(" AND ".join(f"{key} IS NOT NULL" for key in view.keys))
    return (
        keyed.withColumns({"place_of_row": place, "newest_of_entity": newest})
        .where((sql.col("place_of_row") == 1) & (sql.col("newest_of_entity") == sql.col(table.event_time)))
        .select(*view.keys, *fields, received.alias("event_timestamp"), received.alias("created"))
    )
