"""Which outcome counts for which shown row: the latest row before it that agrees, within each outcome's window.

An outcome that names its row exactly may be dated a little before it, because clocks differ. Then it counts as if it
had happened at the showing.
"""

from datetime import timedelta
from functools import reduce
from typing import TYPE_CHECKING

from feature_repo.definition import Lookup
from training.definition import Task
from validation.contract import Table
from validation.definition import CLOCK_ERROR

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

AT = "event_timestamp"  # the name Feast gives to the moment that features are wanted for
KNOWN_AT = "outcomes_known_at"
KNOWN_AT_PREFIX = "known_at:"  # before the name of a context column: when its value was known
COUNTS_FROM, COUNTS_UNTIL = "counts_from", "counts_until"


def descriptions(rows: "DataFrame", lookup: Lookup, table: Table) -> "DataFrame":
    """Of each entity the first accepted description, and since when it was known."""
    from pyspark.sql import functions as sf

    order = sf.struct(table.received_time, table.event_time)
    columns = sf.struct(*(sf.expr(sql).alias(name) for name, sql in lookup.columns.items()))
    firsts = rows.groupBy(lookup.on).agg(
        sf.min_by(columns, order).alias("borrowed"), sf.min(table.received_time).alias("described_at")
    )
    return firsts.select(lookup.on, "described_at", "borrowed")


def with_lookup(rows: "DataFrame", lookup: Lookup, described: "DataFrame", moment: "Column") -> "DataFrame":
    """The rows with the columns of a lookup, null where the description was not known at the moment."""
    from pyspark.sql import functions as sf

    if lookup.on not in rows.columns:
        return rows
    known_by_then = sf.col("described_at") <= moment
    borrowed = {name: sf.when(known_by_then, sf.col("borrowed")[name]) for name in lookup.columns}
    return rows.join(described, lookup.on, "left").withColumns(borrowed).drop("described_at", "borrowed")


def outcome_flags(outcomes: "DataFrame", table: Table, task: Task, from_outcomes: tuple[str, ...]) -> "DataFrame":
    """Outcome rows reduced to what attribution needs: keys, times, a flag an outcome, and other columns to keep."""
    from pyspark.sql import functions as sf

    keys = [sf.col(name).alias(f"of_{name}") for name in dict.fromkeys((*task.match, *task.exact))]
    flags = [sf.coalesce(sf.expr(o.where), sf.lit(False)).alias(f"flag_{o.name}") for o in task.outcomes]
    times = [sf.col(table.event_time).alias("happened_at"), sf.col(table.received_time).alias("known_at")]
    renamed = [sf.col(name).alias(f"from_outcome_{name}") for name in from_outcomes]
    return outcomes.select(sf.struct(*table.key).alias("outcome"), *keys, *flags, *times, *renamed)


def attributed(shown: "DataFrame", outcomes: "DataFrame", table: Table, task: Task) -> "DataFrame":
    """Pairs of an outcome and a shown row it counts for, from `counts_from` until `counts_until` (null: for good).

    shown  every row shown that was received, mature or not: an outcome of a young row is none of an older row
    Of the rows received so far that agree, the latest before the outcome has it. A row received later than the outcome
    takes it over from an older row when it comes.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as sf

    later = Window.partitionBy("outcome").orderBy(sf.col("shown_at").desc(), *table.key)
    received_before = later.rowsBetween(Window.unboundedPreceding, -1)
    pairs = _agreeing(shown, outcomes, table, task).withColumns(
        {
            COUNTS_FROM: sf.greatest("known_at", "row_known_at"),
            COUNTS_UNTIL: sf.min("row_known_at").over(received_before),
        }
    )
    return pairs.where(sf.col(COUNTS_UNTIL).isNull() | (sf.col(COUNTS_UNTIL) > sf.col(COUNTS_FROM)))


def _agreeing(shown: "DataFrame", outcomes: "DataFrame", table: Table, task: Task) -> "DataFrame":
    """Every pair of an outcome and a row shown before it, within the longest window, that agree in their columns."""
    from pyspark.sql import functions as sf

    keys = dict.fromkeys((*table.key, *task.match, *task.exact))
    times = [sf.col(table.event_time).alias("shown_at"), sf.col(table.received_time).alias("row_known_at")]
    rows = shown.select(*keys, *times)
    agrees = [sf.col(f"of_{name}") == sf.col(name) for name in task.match]
    agrees += [sf.col(f"of_{name}").isNull() | (sf.col(f"of_{name}") == sf.col(name)) for name in task.exact]
    named = [sf.col(f"of_{name}").isNotNull() for name in task.exact] or [sf.lit(False)]
    early = sf.when(reduce(_both, named), sf.lit(CLOCK_ERROR)).otherwise(sf.lit(timedelta(0)))
    first, last = sf.col("shown_at") - early, sf.col("shown_at") + sf.lit(task.window)
    agrees.append(sf.col("happened_at").between(first, last))
    pairs = rows.join(outcomes, reduce(_both, agrees))
    return pairs.withColumn("happened_at", sf.greatest("happened_at", "shown_at"))


def _both(left: "Column", right: "Column") -> "Column":
    return left & right
