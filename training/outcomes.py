"""What may follow a decision: flags, numbers, and verdicts that say the label before all else is known."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from infra.errors import DefinitionError
from validation.contract import Table, unknown

How = Literal["any", "sum", "last", "first"]
CountsFor = Literal["latest", "each"]
DECIDED_AT = "decided_at"
"""What the SQL of a number may name beside the outcome row's own columns: the moment of the decision."""
EARLY, SETTLED = "early", "settled"
"""Columns of the labels, where something settles: whether the label stands though the window of the row is still open,
and whether a settlement says what the target is."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What says the label whatever else comes, such as a reviewer's verdict.

    It is the first row of `table` to be received for a decision, of those within the outcome's window for which `where`
    (Spark SQL) is true or false: true makes the label 1, false 0. Where `where` is null the row says nothing.
    """

    table: str
    where: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """Something that may follow a decision: the attributed rows of `table` for which `where` (Spark SQL) holds.

    Becomes a 0/1 column of that name. `gain` is its worth in NDCG; a `veto` makes the row worth nothing whatever else
    happened. `value` is what it adds to the value of the row, which contenders may learn and be judged by: all that
    happened counts, and what people reject counts against the row with a negative value. Only what happens within
    `window` of the decision counts.

    table       where its rows are; by default in the task's `outcomes_in`
    of          Spark SQL of a number, over the outcome row's columns and `decided_at`. The outcome is a number then, a
                float column: the `sum` of all rows, or that of the `last` or `first` one to happen, as `how` says. It
                is null where nothing came, or nothing finite: that is no zero. A row whose target is null takes part
                in neither fitting nor judging.
    counts_for  the `latest` decision before the row that agrees, or `each` one that does, such as all updates of a trip
    settled_by  what says the label early
    """

    name: str
    where: str
    meaning: str
    gain: float = 0.0
    veto: bool = False
    window: timedelta = timedelta(minutes=30)
    value: float = 0.0
    table: str | None = None
    of: str = ""
    how: How = "any"
    counts_for: CountsFor = "latest"
    settled_by: Settlement | None = None

    def __post_init__(self) -> None:
        for mistake in self._mistakes():
            raise DefinitionError(f"outcome {self.name}: {mistake}")

    def _mistakes(self) -> Iterator[str]:
        if self.of and self.how == "any":
            yield f"`{self.of}` is a number of each row, and several rows may come. Say how: sum, last or first."
        if not self.of and self.how != "any":
            yield f"how={self.how!r} is of numbers, and there is none. Say of which number (`of`), or leave `how` out."
        if self.of and (self.gain or self.veto or self.value):
            yield "a number has no gain, veto or value of its own. Define a flag beside it that has one."
        if self.of and self.settled_by:
            yield "a settlement says 1 or 0, and this is a number. Settle a flag, or take the number from that table."

    @property
    def counts(self) -> bool:
        """Whether a row is worth more or less by it."""
        return bool(self.gain or self.veto or self.value)


def mistaken_names(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What is wrong with the names of outcomes."""
    for name, count in Counter(outcome.name for outcome in outcomes).items():
        if count > 1:
            yield f"{count} outcomes are named `{name}`, and one column can hold only one of them. Rename the others."


def not_there(
    decisions: str, outcomes_in: str, outcomes: Sequence[Outcome], tables: Mapping[str, Table]
) -> Iterator[str]:
    """What is said of decisions and outcomes and is not in the tables."""
    named = {"decisions": decisions, "outcomes_in": outcomes_in}
    named |= {f"outcome {o.name}": o.table for o in outcomes if o.table}
    named |= {f"outcome {o.name}, settled by": o.settled_by.table for o in outcomes if o.settled_by}
    yield from (f"{of}: table {unknown(name, tables)}" for of, name in named.items() if name not in tables)
    own = {column.name for column in tables[decisions].columns}
    for name in sorted(own & {EARLY, SETTLED}) if any(o.settled_by for o in outcomes) else ():
        yield f"table {decisions}: labels get a column `{name}` by themselves. Rename that of the table."


def too_short(days: int, maturity: timedelta, parts: str) -> str:
    """Why so many days are too few for rows that are mature so late, and what to do."""
    least = math.ceil(maturity / timedelta(days=1))
    return (
        f"a model learns from {days} days, and a row is mature only after {maturity} ({parts}): it would find none. "
        f"Make history_days {least} or more, or name what says a label earlier (`Outcome.settled_by`)."
    )
