"""Classification: act on a case or let it be, at an operating point that costs choose."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from infra.arrays import AnyArray
from infra.statistics import weighted_auc
from training.objectives import measures
from training.objectives.case_measures import average_precision, best_threshold, precision_a_day, recall_at
from training.objectives.measures import Measure
from training.objectives.objective import DAY, Curve, Judged, Link

CURVE_POINTS = 200


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
    `amount` is a column or feature with what is at stake. `queue` is how many cases a day people can look at, `counted`
    whose cases are looked at together, such as a card's. `false_positives` are the shares of negative cases at which
    recall is told.
    """

    costs: Costs = field(default_factory=Costs)
    amount: str | None = None
    counted: str | None = None
    queue: int = 100
    false_positives: tuple[float, ...] = (0.001, 0.01)
    kind: str = "classify"
    acts: bool = True
    calibration: str = "calibration_error"
    merit: str = "net_benefit"
    link: Link = "logit"
    base: str | None = None

    @property
    def roles(self) -> Mapping[str, str]:
        """What is at stake, and whose cases are looked at together."""
        named = {"amount": self.amount, "counted": self.counted}
        return {role: column for role, column in named.items() if column}

    @property
    def booster(self) -> Mapping[str, object]:
        """The chance that a case is positive."""
        return {"objective": "binary:logistic", "eval_metric": "logloss"}

    def operating_point(self, tuned_on: Judged, predicted: AnyArray) -> float:
        """The score from which acting has the largest net benefit; infinity where acting never pays."""
        benefit = np.nan_to_num(self._benefit_of_acting(tuned_on))
        return best_threshold(predicted, benefit if tuned_on.weight is None else benefit * tuned_on.weight)

    def merits(self, judged: Judged, predicted: AnyArray, point: float | None) -> AnyArray:
        """The net benefit of each case; NaN where nobody knows what is at stake."""
        benefit = self._benefit_of_acting(judged)
        let_be = np.where(np.isnan(benefit), np.nan, 0.0)  # of both decisions or of none: contenders are paired
        return judged.weighed(judged.by_unit(np.where(_acted(predicted, point), benefit, let_be)))

    def perfect(self, judged: Judged) -> AnyArray:
        """What acting saves, where it saves anything."""
        return judged.weighed(judged.by_unit(np.maximum(self._benefit_of_acting(judged), 0.0)))

    def happened(self, judged: Judged) -> AnyArray:
        """Whether the case was positive."""
        return np.asarray(judged.truth > 0)

    def measures(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """How cases are ordered, and what happens at the operating point."""
        yield "auc", weighted_auc(judged.cluster, judged.truth, predicted, judged.weight)
        acted, positive = _acted(predicted, point), judged.truth > 0
        weight = np.ones(len(acted)) if judged.weight is None else judged.weight
        for name, above, below in (
            ("precision", acted & positive, acted),
            ("recall", acted & positive, positive),
            ("false_positive_rate", acted & ~positive, ~positive),
        ):
            sums = (np.bincount(judged.cluster, weights=w * weight, minlength=judged.clusters) for w in (above, below))
            yield name, measures.ratio(*sums)

    def of_all(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """Average precision, recall at few false positives, and what a day's queue finds."""
        rows = (judged.cluster, judged.truth, predicted)
        yield "average_precision", average_precision(*rows, weight=judged.weight)
        for share in self.false_positives:
            yield f"recall_at_{share:g}", recall_at(*rows, share, weight=judged.weight)
        if DAY in judged.columns:
            counted = judged.columns.get("counted", np.arange(len(judged.truth)))
            of_days = precision_a_day(judged.columns[DAY], counted, judged.truth, predicted, self.queue)
            yield f"precision_at_{self.queue}_a_day", of_days

    def of_predictions(self, judged: Judged, predicted: AnyArray) -> Iterator[tuple[str, Measure]]:
        """How good the chances are."""
        rows = (judged.cluster, judged.truth, predicted, judged.clusters, judged.weight)
        yield "log_loss", measures.log_loss(*rows)
        yield self.calibration, measures.calibration_error(*rows)

    def curves(self, judged: Judged, predicted: AnyArray, point: float | None) -> Mapping[str, Curve]:
        """Net benefit by the share of cases acted on, with the chosen operating point."""
        benefit = np.nan_to_num(self._benefit_of_acting(judged)) * (1.0 if judged.weight is None else judged.weight)
        order = np.argsort(-predicted, kind="stable")
        rows = max(len(order), 1)
        total = np.r_[0.0, np.cumsum(benefit[order])] / rows
        places = np.unique(np.geomspace(1, rows, CURVE_POINTS).astype(int))
        acted = int(_acted(predicted, point).sum())
        chosen = None if point is None else (acted / rows, float(total[acted]))
        labels = ("share of cases acted on", "net benefit a case")
        return {"cost_curve": Curve("What acting is worth", *labels, places / rows, total[places], chosen)}

    def _benefit_of_acting(self, judged: Judged) -> AnyArray:
        """(rows,) what acting on each row gains over letting it be; NaN, of either class, without an amount."""
        stake = judged.columns.get("amount", np.ones(len(judged.truth)))
        saved = np.where(judged.truth > 0, self.costs.missed * stake, -self.costs.friction)
        return np.asarray(np.where(np.isfinite(stake), saved - self.costs.handling, np.nan))


def _acted(predicted: AnyArray, point: float | None) -> AnyArray:
    return np.asarray(predicted >= (np.inf if point is None else point))
