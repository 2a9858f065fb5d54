"""What the outcomes that count for a row at a moment say: a flag, a number, or what settles it.

All of these read the column `COUNTED`: the row's outcomes, each from when until when it counts.
"""

from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING

from training.definition import Outcome
from training.rows.attribution import COUNTS_FROM, COUNTS_UNTIL, LARGEST

if TYPE_CHECKING:
    from pyspark.sql import Column

COUNTED = "__counted"  # of no table


def counting(at: "Column") -> Callable[["Column"], "Column"]:
    """Whether an outcome counts at a moment."""

    def counts(pair: "Column") -> "Column":
        return (pair[COUNTS_FROM] <= at) & (pair[COUNTS_UNTIL].isNull() | (pair[COUNTS_UNTIL] > at))

    return counts


def label(at: "Column", outcome: Outcome) -> "Column":
    """The label of an outcome as it was known at a moment."""
    from pyspark.sql import functions as sf

    if outcome.of:
        return _number(at, outcome)
    there = sf.exists(COUNTED, lambda pair: counting(at)(pair) & pair[outcome.name])
    happened = sf.coalesce(there, sf.lit(False)).cast("float")
    return sf.coalesce(says(at, outcome), happened) if outcome.settled_by else happened


def says(at: "Column", outcome: Outcome) -> "Column":
    """What settles an outcome: 1, 0, or null where nothing has yet. The first to be received says it for good."""
    from pyspark.sql import functions as sf

    name = f"says_{outcome.name}"
    verdicts = sf.filter(COUNTED, lambda pair: counting(at)(pair) & pair[name].isNotNull())
    ordered = sf.transform(verdicts, lambda v: sf.struct(v[COUNTS_FROM], v["known_at"], v["happened_at"], v[name]))
    return sf.array_min(ordered)[name]


def first_known(at: "Column", outcome: Outcome) -> "Column":
    """Since when it was known that an outcome happened, or that it has a number; null where it was not."""
    from pyspark.sql import functions as sf

    def having(pair: "Column") -> "Column":
        has_it = pair[outcome.name].isNotNull() if outcome.of else pair[outcome.name]
        if outcome.settled_by:
            has_it = has_it | sf.coalesce(pair[f"says_{outcome.name}"] > 0, sf.lit(False))
        return counting(at)(pair) & has_it

    return sf.array_min(sf.transform(sf.filter(COUNTED, having), lambda pair: pair[COUNTS_FROM]))


def settled_since(outcomes: tuple[Outcome, ...]) -> "Column":
    """Since when all of these outcomes are settled, null where one is not."""
    from pyspark.sql import functions as sf

    def since(outcome: Outcome) -> "Column":
        verdicts = sf.filter(COUNTED, lambda pair: pair[f"says_{outcome.name}"].isNotNull())
        return sf.array_min(sf.transform(verdicts, lambda pair: pair[COUNTS_FROM]))

    moments = [since(outcome) for outcome in outcomes]
    every = reduce(lambda left, right: left & right, (moment.isNotNull() for moment in moments))
    return sf.when(every, sf.greatest(*moments) if len(moments) > 1 else moments[0])


def _number(at: "Column", outcome: Outcome) -> "Column":
    """The sum of all numbers, or the one that happened last or first; null where there is none.

    Added in one order, because sums of floats depend on it.
    """
    from pyspark.sql import functions as sf

    there = sf.filter(COUNTED, lambda pair: counting(at)(pair) & pair[outcome.name].isNotNull())
    if outcome.how == "sum":
        ordered = sf.array_sort(sf.transform(there, lambda pair: pair[outcome.name]))
        added = sf.aggregate(ordered, sf.lit(0.0), lambda total, number: total + number)
        return sf.when((sf.size(there) > 0) & (sf.abs(added) <= LARGEST), added).cast("float")
    by_time = sf.transform(there, lambda pair: sf.struct(pair["happened_at"], pair["known_at"], pair[outcome.name]))
    return (sf.array_max(by_time) if outcome.how == "last" else sf.array_min(by_time))[outcome.name].cast("float")
