"""The point-in-time join on Spark: union of rows and questions, and a running `last` over each entity."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from feature_repo.definition import KNOWN_AT
from feature_repo.stores.view_rows import CREATED, TIME, ViewRows

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

AT, IS_QUESTION, KNOWN = "__at", "__is_question", "__known"


def join_on_spark(
    spark: "SparkSession", question_rows: pa.Table, stored: "DataFrame", rows: ViewRows, by_created: bool, row: str
) -> pa.Table:
    """A view's features and `known_at` for each question, in the questions' order."""
    from pyspark.sql import functions as F

    facts = F.struct(TIME, F.coalesce(CREATED, TIME).alias(CREATED), *rows.features)
    at = F.greatest(TIME, CREATED) if by_created else F.col(TIME)
    answers = stored.where(_has(rows)).select(*rows.keys, at.alias(AT), facts.alias(KNOWN))
    if by_created:
        answers = _never_superseded(answers, rows)
    questions = spark.createDataFrame(question_rows).select(
        row, *(F.col(k).try_cast(stored.schema[k].dataType).alias(k) for k in rows.keys), F.col(TIME).alias(AT)
    )
    union = answers.withColumn(IS_QUESTION, F.lit(0)).unionByName(
        questions.withColumn(IS_QUESTION, F.lit(1)), allowMissingColumns=True
    )
    last = F.last(KNOWN, ignorenulls=True).over(_up_to_here(rows, AT, IS_QUESTION, KNOWN))
    answered = union.withColumn(KNOWN, last).where(f"{IS_QUESTION} = 1")
    usable = _has(rows)
    if rows.ttl:
        usable &= F.col(f"{KNOWN}.{TIME}") >= F.col(AT) - F.expr(f"interval {int(rows.ttl.total_seconds())} second")
    features = [F.when(usable, F.col(KNOWN).getField(name)).alias(name) for name in rows.features]
    moment = F.greatest(F.col(f"{KNOWN}.{TIME}"), F.col(f"{KNOWN}.{CREATED}"))
    features.append(F.when(usable, moment).alias(KNOWN_AT))
    return answered.select(row, *features).toArrow().sort_by(row).drop_columns([row])


def newest_on_spark(stored: "DataFrame", rows: ViewRows) -> pa.Table:
    """The newest row of each entity."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    order = [F.col(TIME).desc(), F.col(CREATED).desc_nulls_last(), *(F.col(name).desc() for name in rows.features)]
    place = F.row_number().over(Window.partitionBy(*rows.keys).orderBy(*order))
    return stored.where(_has(rows)).withColumn("__place", place).where("__place = 1").drop("__place").toArrow()


def _never_superseded(answers: "DataFrame", rows: ViewRows) -> "DataFrame":
    """Without the rows that were already replaced by a newer one when they became known."""
    from pyspark.sql import functions as F

    newest = F.max(KNOWN).over(_up_to_here(rows, AT, KNOWN))
    return answers.withColumn("__newest", newest).where(f"__newest = {KNOWN}").drop("__newest")


def _up_to_here(rows: ViewRows, *order: str) -> Any:
    from pyspark.sql import Window

    return Window.partitionBy(*rows.keys).orderBy(*order).rowsBetween(Window.unboundedPreceding, Window.currentRow)


def _has(rows: ViewRows) -> "Column":
    """Whether no key is null: a row without a key belongs to no entity."""
    from pyspark.sql import functions as F

    present = F.lit(True)
    for key in rows.keys:
        present &= F.col(key).isNotNull()
    return present
