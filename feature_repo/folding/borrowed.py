"""Borrowed columns that changed after all: a lookup keeps the first description, and events keep its values."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from feature_repo.definition import FeatureSet
from feature_repo.folding.contributions import read_accepted_rows
from infra.lake import Lake
from validation.contract import Table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def changed_after_all(
    spark: "SparkSession", lake: Lake, features: FeatureSet, tables: Mapping[str, Table]
) -> dict[str, int]:
    """`table.column` → of how many entities what a lookup borrows was described with more than one value."""
    from pyspark.sql import functions as sql

    changed: dict[str, int] = {}
    for lookup in features.lookups:
        rows = read_accepted_rows(spark, lake, tables[lookup.table], lake.days(f"tables/{lookup.table}"))
        several = {name: sql.count_distinct(sql.expr(code)) > 1 for name, code in lookup.columns.items()}
        of_entity = rows.groupBy(lookup.on).agg(*(is_so.alias(name) for name, is_so in several.items()))
        counts = of_entity.agg(*(sql.count_if(sql.col(name)).alias(name) for name in several)).toArrow().to_pylist()[0]
        changed |= {f"{lookup.table}.{name}": number for name, number in counts.items() if number}
    return changed
