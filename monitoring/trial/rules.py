"""The definition of a trial: what is counted of an asker, what may not get worse, and when a release moves on."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from infra.errors import DefinitionError

NOW = timedelta(0)
STEPS = (5, 25, 50)
"""The shares, in per cent, at which askers get the release on trial, before it becomes champion."""


@dataclass(frozen=True, slots=True)
class Holds:
    """A condition on one column of a row: its value is one of these, or a number of at least this; null never holds.

    least_of  the column of the decision that says the least number, of a row of what followed it
    negated   it holds for every other value, and for null neither
    """

    column: str
    values: tuple[str | bool, ...] = ()
    least: float | None = None
    least_of: str = ""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class OfTheTop:
    """A condition on one column: it is one of the values, such as makers, that had most rows before the trial.

    share  of all values that had a row, so many count as the top; at least one
    """

    column: str
    share: float


@dataclass(frozen=True, slots=True)
class ByAnother:
    """A condition on the column that names a release: it is not the variant's own, which failed or was late."""

    column: str = "release"


Condition = Holds | OfTheTop | ByAnother


@dataclass(frozen=True, slots=True)
class LookedUp:
    """A column that decisions get from the newest description in another table, named by a column of theirs."""

    column: str
    table: str
    by: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What is counted of an asker: decisions for which all of `where` holds, of each value of `each` only one.

    followed  conditions on rows of the table `by`; a decision counts, once, where one of its rows satisfies any of them
    """

    where: tuple[Condition, ...] = ()
    by: str = ""
    followed: tuple[Holds, ...] = ()
    each: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a variant, Σ above / Σ below over its askers.

    known_after  how old a decision has to be to count: what follows it is not known before. Both variants are counted
                 up to the same moment, so that outcomes which are late on both sides shift neither against the other
    """

    name: str
    meaning: str
    above: Tally
    below: Tally
    better: Literal["higher", "lower"] = "higher"
    known_after: timedelta = NOW


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A measure that may not get worse by more than `at_most`, whatever else is gained: surely worse, it aborts.

    relative  the harm is a part of the champion's figure; else a number in the measure's own unit
    slice     a column of decisions: every value of it is held to the limit by itself
    tuned_to  for harms of this size it is found soonest, and for others nearly so
    """

    measure: Measure
    at_most: float
    relative: bool = True
    slice: str = ""
    tuned_to: float = 0.1

    def __post_init__(self) -> None:
        if self.at_most < 0 or self.tuned_to <= 0:
            raise DefinitionError(
                f"guardrail {self.measure.name}: at_most {self.at_most} must not be below 0 and tuned_to "
                f"{self.tuned_to} must be above 0: both are sizes of a harm"
            )


@dataclass(frozen=True, slots=True)
class Level:
    """A figure of the whole system that no variant has to itself, such as the age of a queue; above it, it aborts."""

    name: str
    meaning: str
    at_most: float


@dataclass(frozen=True, slots=True)
class ShadowRules:
    """What a release has to show beside the champion before anybody gets its answers.

    requests  scored by both     errors  the largest share of them with an error
    slower    how many times the champion's time it may take (95 of 100 requests)
    """

    requests: int = 500
    errors: float = 0.002
    slower: float = 2.0
    at_least: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class TrialRules:
    """How a release is tried.

    asker      the column by which askers are drawn       variant  the column that says what each got
    match      columns that name a decision in the tables of what follows it
    goal       what the release is to be better at; it becomes champion where it is surely not worse by `not_worse_by`
    before     how long before the trial what askers did is compared, too
    settling   how long after a move nothing is counted: workers load the release one after the other
    every      how often it is looked at; `first`, at the first share, where harm is to be found soonest
    at_least   how long every step lasts at least; `longest`, the whole trial at most
    askers     how many each variant has at least before anything is decided by comparing them
    rows       how many rows the release has at least before a measure is compared; `events`, how many it should have
               had by the champion's rate, for a relative one
    changed    the largest share of askers that were in both variants of one step
    error      how often, of equal releases, one is aborted; `mismatch_error`, for its numbers of askers alone
    undecided  what follows at the end of the longest trial where nothing was shown
    """

    goal: Measure
    guardrails: tuple[Guardrail, ...]
    asker: str
    match: tuple[str, ...]
    variant: str = "variant"
    looked_up: tuple[LookedUp, ...] = ()
    levels: tuple[Level, ...] = ()
    shadow: ShadowRules = ShadowRules()
    not_worse_by: float = 0.02
    tuned_to: float = 0.05
    before: timedelta = timedelta(days=7)
    settling: timedelta = timedelta(minutes=2)
    every: timedelta = timedelta(hours=1)
    first: timedelta = timedelta(minutes=15)
    at_least: timedelta = timedelta(hours=24)
    longest: timedelta = timedelta(days=14)
    askers: int = 100
    rows: int = 100
    events: float = 10.0
    changed: float = 0.02
    error: float = 0.05
    mismatch_error: float = 0.001
    undecided: Literal["champion stays", "estimate decides"] = "champion stays"

    def __post_init__(self) -> None:
        if not self.guardrails:
            raise DefinitionError("trial: no guardrail is named, so that nothing could abort it; name `guardrails`")
        if not self.longest > self.at_least > NOW:
            raise DefinitionError(
                f"trial: it lasts {self.longest} at most, a step {self.at_least} at least: use longest > at_least > 0"
            )
        for name in ("error", "mismatch_error", "changed"):
            if not 0 < getattr(self, name) < 1:
                raise DefinitionError(f"trial: {name} {getattr(self, name)} is not a share between 0 and 1")
        names = [(guardrail.measure.name, guardrail.slice) for guardrail in self.guardrails]
        if len(set(names)) < len(names):
            raise DefinitionError(f"trial: a guardrail is named twice in {names}; give each measure and slice one")

    @property
    def measures(self) -> tuple[tuple[Measure, str], ...]:
        """Everything that is counted: each measure with the slice that it is counted by, '' for all askers."""
        return ((self.goal, ""), *((guardrail.measure, guardrail.slice) for guardrail in self.guardrails))

    def pause_of(self, share: int) -> timedelta:
        """How long after a look the next one comes."""
        return self.first if share == STEPS[0] else self.every

    @property
    def miss(self) -> float:
        """With which probability one comparison of one step may be wrong, so that all of a trial are within `error`."""
        return self.error / len(STEPS) / (len(self.guardrails) + 1)
