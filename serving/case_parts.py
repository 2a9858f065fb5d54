"""The parts of a policy that decides cases: its log's columns, its steps by the score, its queue and its lot."""

from collections.abc import Mapping

from serving.value import Part, Value


class LogColumns(Value, frozen=True):
    """What the decisions table calls what a decision logs; a column that the table does not have is left out."""

    action: str = "action"
    score: str = "score"
    threshold: str = "threshold"
    reasons: str = "reasons"
    propensity: str = "propensity"
    by_lot: str = "by_lot"
    release: str = "release"
    served_by: str = "served_by"
    variant: str = "variant"
    features: str = "served_features"


class From(Part, frozen=True):
    """Cases that score so much get this action: `times` the release's operating point, or its own threshold, `at`."""

    action: str
    times: float | None = None
    at: float | None = None

    def mistake(self) -> str | None:
        """Neither or both of the two."""
        if (self.times is None) != (self.at is None) and (self.times is None or self.times > 0):
            return None
        return f"From({self.action}): write either `times` the operating point, above 0, or a threshold `at`"

    def threshold(self, act_from: float | None) -> float | None:
        """The score from which the action is taken; None where no score is worth it."""
        if self.times is None:
            return self.at
        return None if act_from is None else act_from * self.times


class Verdicts(Value, frozen=True):
    """Where reviewers' verdicts go: a table with the case's key, a column of words, and one that says `by_lot`."""

    table: str = "reviews"
    verdict: str = "verdict"
    by_lot: str = "by_lot"


class Queue(Part, frozen=True):
    """At most `a_day` cases a day (UTC) are given to reviewers; further ones get the action `overflow`.

    `for_lot` of them are kept for cases by lot. The queue is worked by expected loss: score times the column `amount`.
    """

    a_day: int
    overflow: str
    action: str = "review"
    amount: str = ""
    for_lot: int = 0
    verdicts: Verdicts = Verdicts()

    def mistake(self) -> str | None:
        """An overflow into itself, or a capacity without a meaning."""
        if self.overflow == self.action:
            return (
                f"Queue: what is over `{self.action}`'s capacity cannot get `{self.action}`: write another `overflow`"
            )
        if not 0 <= self.for_lot <= self.a_day:
            return f"Queue: {self.for_lot} of {self.a_day} a day cannot be kept for the lot: write 0 to {self.a_day}"
        return None


class Lot(Part, frozen=True):
    """A `share` of the cases that would get the policy's `usual` action goes to reviewers, drawn from the case's key.

    Only cases whose column `amount` is `at_most` so much take part. The chance is logged, so that what reviewers find
    in them tells what the others hide. Another `seed` draws others. `also` names other actions whose cases are drawn
    from, with their share: nobody would learn how cases that were stopped had ended.
    """

    share: float
    amount: str = ""
    at_most: float | None = None
    seed: str = "lot"
    also: Mapping[str, float] = {}

    def share_of(self, action: str, usual: str) -> float:
        """The share of an action's cases that is drawn; 0 for one that is not drawn from."""
        return self.share if action == usual else self.also.get(action, 0.0)

    def mistake(self) -> str | None:
        """A share that is none of the cases or all of them, or a cap on nothing."""
        for share in (self.share, *self.also.values()):
            if not 0 < share < 1:
                return f"Lot of {share:g} of the cases: write a share between 0 and 1"
        if (self.at_most is None) != (not self.amount):
            return "Lot: `at_most` caps the column `amount`: write both or neither"
        return None
