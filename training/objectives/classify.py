"""Classification: act on a case or let it be, at an operating point that costs choose."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from infra.arrays import AnyArray
from infra.statistics import weighted_auc
from training.objectives import measures
from training.objectives.case_measures import average_precision, best_threshold, precision_a_day, recall_at
from training.objectives.measures import Measure
from training.objectives.objective import Judged


@dataclass(frozen=True, slots=True)
class Costs:
    """What a decision on one case costs, in the unit of `amount`, or of one case where there is no amount.

    missed    share of the amount that is lost when a positive case is let be
    friction  of acting on a case that is none: what an honest person is kept from
    handling  of acting at all, such as a reviewer's minutes
    """

    missed: float = 1.0
    friction: float = 1.0
    handling: float = 0.0


@dataclass(frozen=True, slots=True)
class Classify:
    """Whether to act on a case. A unit is a case, its merit the net benefit of deciding it at the operating point.

    Net benefit (Vickers and Elkin 2006): what acting saved, less what acting cost; 0 for a case that is let be.
    `amount` is a column with what is at stake. `queue` is how many cases a day people can look at, `day` the column
    that says which day, `counted` whose cases are looked at together, such as a card's. `false_positives` are the
    shares of negative cases at which recall is told.
    """

    costs: Costs = field(default_factory=Costs)
    amount: str | None = None
    day: str | None = None
    counted: str | None = None
    queue: int = 100
    false_positives: tuple[float, ...] = (0.001, 0.01)

    @property
    def merit(self) -> str:
        """Net benefit a case."""
        return "net_benefit"

    @property
    def roles(self) -> Mapping[str, str]:
        """What is at stake, and what a day's queue is made of."""
        named = {"amount": self.amount, "day": self.day, "counted": self.counted}
        return {role: column for role, column in named.items() if column}

    @property
    def booster(self) -> Mapping[str, object]:
        """The chance that a case is positive."""
        return {"objective": "binary:logistic", "eval_metric": "aucpr"}

    def operating_point(self, tuned_on: Judged, predicted: AnyArray) -> float:
        """The score from which acting has the largest net benefit; above all scores where acting never pays."""
        return best_threshold(predicted, self._benefit_of_acting(tuned_on))

    def merits(self, judged: Judged, predicted: AnyArray, point: float | None) -> AnyArray:
        """The net benefit of each case."""
        acted = predicted >= (np.inf if point is None else point)
        return judged.by_unit(np.where(acted, self._benefit_of_acting(judged), 0.0))

    def measures(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """How cases are ordered, and what happens at the operating point."""
        rows = (judged.cluster, judged.truth, predicted)
        yield "auc", weighted_auc(*rows)
        yield "average_precision", average_precision(*rows)
        for share in self.false_positives:
            yield f"recall_at_{share:g}", recall_at(*rows, share)
        if self.day:
            counted = judged.columns.get("counted", np.arange(len(judged.truth)))
            found = precision_a_day(judged.columns["day"], counted, judged.truth, predicted, self.queue)
            yield f"precision_at_{self.queue}_a_day", found
        acted, positive = predicted >= (np.inf if point is None else point), judged.truth > 0
        for name, above, below in (
            ("precision", acted & positive, acted),
            ("recall", acted & positive, positive),
            ("false_positive_rate", acted & ~positive, ~positive),
        ):
            yield name, measures.ratio(*(np.bincount(judged.cluster, weights=which, minlength=judged.clusters)
                                         for which in (above, below)))  # fmt: skip
        yield "log_loss", measures.log_loss(*rows, judged.clusters)

    def miscalibration(self, judged: Judged, predicted: AnyArray) -> Measure:
        """Mean distance of predicted and observed shares."""
        return measures.calibration_error(judged.cluster, judged.truth, predicted, judged.clusters)

    def _benefit_of_acting(self, judged: Judged) -> AnyArray:
        """(rows,) what acting on each row gains over letting it be."""
        stake = judged.columns.get("amount", np.ones(len(judged.truth)))
        saved = np.where(judged.truth > 0, self.costs.missed * stake, -self.costs.friction)
        return np.asarray(saved - self.costs.handling)
