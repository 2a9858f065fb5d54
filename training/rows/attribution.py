"""Which outcome counts for which shown row: the latest row before it that agrees, within each outcome's window.

An outcome that names its row exactly may be dated a little before it, because clocks differ. Then it counts as if it
had happened at the showing.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from feature_repo.columns_read import words
from feature_repo.definition import Lookup
from infra.errors import DefinitionError
from training.definition import Outcome, Task
from training.outcomes import DECIDED_AT, CountsFor
from validation.contract import Table
from validation.definition import CLOCK_ERROR

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

AT = "event_timestamp"  # the name Feast gives to the moment that features are wanted for
KNOWN_AT = "outcomes_known_at"
KNOWN_AT_PREFIX = "known_at:"  # before the name of a context column: when its value was known
COUNTS_FROM, COUNTS_UNTIL = "counts_from", "counts_until"
OUTCOME_ROW, PAIR = "__outcome_row", "__pair"  # of no table
LARGEST = float(np.finfo(np.float32).max)
"""The largest number that a float column of the labels holds; NaN is larger than any, so it is none."""


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


@dataclass(frozen=True, slots=True)
class Attribution:
    """What is attributed of one table in one way: its outcomes, and the outcomes that it settles."""

    table: str
    counts_for: CountsFor
    outcomes: tuple[Outcome, ...]
    settled: tuple[Outcome, ...]

    @property
    def window(self) -> timedelta:
        """The longest window of any of them."""
        return max(outcome.window for outcome in (*self.outcomes, *self.settled))

    @property
    def numbers(self) -> tuple[Outcome, ...]:
        """The outcomes that are numbers."""
        return tuple(outcome for outcome in self.outcomes if outcome.of)


def attributions(task: Task) -> tuple[Attribution, ...]:
    """Every table that something of the task comes from, once for each way in which its rows count."""
    ways: dict[tuple[str, CountsFor], tuple[list[Outcome], list[Outcome]]] = {}
    for outcome in task.outcomes:
        ways.setdefault((task.table_of(outcome), outcome.counts_for), ([], []))[0].append(outcome)
        if outcome.settled_by:
            ways.setdefault((outcome.settled_by.table, outcome.counts_for), ([], []))[1].append(outcome)
    return tuple(Attribution(*way, tuple(own), tuple(settled)) for way, (own, settled) in ways.items())


def outcome_rows(
    outcomes: "DataFrame", table: Table, task: Task, part: Attribution, from_outcomes: tuple[str, ...]
) -> "DataFrame":
    """Outcome rows reduced to what attribution needs: keys, times, flags, verdicts, and other columns to keep."""
    from pyspark.sql import functions as sf

    own = set(outcomes.columns)
    keys = [
        (sf.col(name) if name in own else sf.lit(None).cast("string")).alias(f"of_{name}")
        for name in dict.fromkeys((*task.match, *task.exact))
    ]
    flags = [sf.coalesce(sf.expr(o.where), sf.lit(False)).alias(f"flag_{o.name}") for o in part.outcomes]
    says = [sf.expr(o.settled_by.where).cast("boolean").alias(f"says_{o.name}") for o in part.settled if o.settled_by]
    times = [sf.col(table.event_time).alias("happened_at"), sf.col(table.received_time).alias("known_at")]
    renamed = [sf.col(name).alias(f"from_outcome_{name}") for name in from_outcomes if name in own]
    read = dict.fromkeys(name for o in part.numbers for name in words(o.of, outcomes.columns))
    as_struct = [sf.struct(*read).alias(OUTCOME_ROW)] if read else []
    return outcomes.select(sf.struct(*table.key).alias("outcome"), *keys, *flags, *says, *times, *renamed, *as_struct)


def attributed(shown: "DataFrame", outcomes: "DataFrame", table: Table, task: Task, part: Attribution) -> "DataFrame":
    """Pairs of an outcome and a shown row it counts for, from `counts_from` until `counts_until` (null: for good).

    shown  every row shown that was received, mature or not: an outcome of a young row is none of an older row
    Of the rows received so far that agree, the latest before the outcome has it. A row received later than the outcome
    takes it over from an older row when it comes. What counts for each row is taken over by none.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as sf

    later = Window.partitionBy("outcome").orderBy(sf.col("shown_at").desc(), *table.key)
    received_before = later.rowsBetween(Window.unboundedPreceding, -1)
    taken_over = sf.min("row_known_at").over(received_before)
    never = sf.lit(None).cast("timestamp")
    pairs = _agreeing(shown, outcomes, table, task, part.window).withColumns(
        {
            COUNTS_FROM: sf.greatest("known_at", "row_known_at"),
            COUNTS_UNTIL: taken_over if part.counts_for == "latest" else never,
        }
    )
    pairs = pairs.where(sf.col(COUNTS_UNTIL).isNull() | (sf.col(COUNTS_UNTIL) > sf.col(COUNTS_FROM)))
    return _with_numbers(pairs, part.numbers) if part.numbers else pairs


def _agreeing(shown: "DataFrame", outcomes: "DataFrame", table: Table, task: Task, window: timedelta) -> "DataFrame":
    """Every pair of an outcome and a row shown before it, within the window, that agree in their columns."""
    from pyspark.sql import functions as sf

    keys = dict.fromkeys((*table.key, *task.match, *task.exact))
    times = [sf.col(table.event_time).alias("shown_at"), sf.col(table.received_time).alias("row_known_at")]
    rows = shown.select(*keys, *times)
    agrees = [sf.col(f"of_{name}") == sf.col(name) for name in task.match]
    agrees += [sf.col(f"of_{name}").isNull() | (sf.col(f"of_{name}") == sf.col(name)) for name in task.exact]
    named = [sf.col(f"of_{name}").isNotNull() for name in task.exact] or [sf.lit(False)]
    early = sf.when(reduce(_both, named), sf.lit(CLOCK_ERROR)).otherwise(sf.lit(timedelta(0)))
    first, last = sf.col("shown_at") - early, sf.col("shown_at") + sf.lit(window)
    agrees.append(sf.col("happened_at").between(first, last))
    pairs = rows.join(outcomes, reduce(_both, agrees))
    return pairs.withColumn("happened_at", sf.greatest("happened_at", "shown_at"))


def _with_numbers(pairs: "DataFrame", outcomes: tuple[Outcome, ...]) -> "DataFrame":
    """The pairs with the number of each outcome, null where it is not finite or the row is none of the outcome.

    The SQL sees the outcome row's columns by their own names; those of the pair are out of its sight meanwhile.
    """
    from pyspark.sql import functions as sf

    row = [f"{OUTCOME_ROW}.*"] if OUTCOME_ROW in pairs.columns else []
    seen = pairs.select(sf.struct("*").alias(PAIR), *row, sf.col("shown_at").alias(DECIDED_AT))
    numbers = [sf.when(sf.col(f"{PAIR}.flag_{o.name}"), _number(seen, o)).alias(f"number_{o.name}") for o in outcomes]
    return seen.select(f"{PAIR}.*", *numbers)


def _number(rows: "DataFrame", outcome: Outcome) -> "Column":
    from pyspark.sql import functions as sf
    from pyspark.sql.types import NumericType

    kind = rows.select(sf.expr(outcome.of).alias("number")).schema["number"].dataType
    if not isinstance(kind, NumericType):
        raise DefinitionError(
            f"outcome {outcome.name}: `{outcome.of}` has the type {kind.simpleString()} and is no number. Convert it, "
            f"such as `(unix_micros(event_time) - unix_micros({DECIDED_AT})) / 6e7` for minutes."
        )
    number = sf.expr(outcome.of).cast("double")
    return sf.when(sf.abs(number) <= LARGEST, number)


def _both(left: "Column", right: "Column") -> "Column":
    return left & right
