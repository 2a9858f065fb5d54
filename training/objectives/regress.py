"""Regression: say a number."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from infra.arrays import AnyArray
from infra.statistics import Weights, weighted_ratio
from training.objectives import measures
from training.objectives.measures import Measure
from training.objectives.objective import MINUTE, Curve, Judged, Link


@dataclass(frozen=True, slots=True)
class Regress:
    """A number, such as minutes to arrival. A unit's merit is −|error|.

    `base` names a feature that already is a prediction: models learn what it is off by. `within` is an error that
    people forgive; the share of rows inside it is told. `sequence` is a column whose rows say one thing again and
    again, such as the updates of a trip, in minutes from now: the share of updates that move the moment itself by more
    than `jump` minutes is told.
    """

    base: str | None = None
    within: float | None = None
    sequence: str | None = None
    jump: float = 2.0
    kind: str = "regress"
    acts: bool = False
    calibration: str = "bias_share"
    merit: str = "minus_absolute_error"
    link: Link = "identity"

    @property
    def roles(self) -> Mapping[str, str]:
        """What already is a prediction, and whose rows follow each other."""
        named = {"base": self.base, "sequence": self.sequence}
        return {role: column for role, column in named.items() if column}

    @property
    def booster(self) -> Mapping[str, object]:
        """The median, whose absolute error is least."""
        return {"objective": "reg:absoluteerror", "eval_metric": "mae"}

    def operating_point(self, tuned_on: Judged, predicted: AnyArray) -> None:
        """A number has none."""

    def merits(self, judged: Judged, predicted: AnyArray, point: float | None) -> AnyArray:
        """−|error| of each unit."""
        return judged.weighed(judged.by_unit(-np.abs(predicted - judged.truth)))

    def perfect(self, judged: Judged) -> AnyArray:
        """No error."""
        return np.zeros(judged.units)

    def happened(self, judged: Judged) -> AnyArray:
        """Whether the number is above its base, or the usual, by more than is usual."""
        above = judged.truth - judged.columns.get("base", np.zeros(len(judged.truth)))
        return np.asarray(above > np.nanmedian(above)) if len(above) else np.zeros(0, dtype=bool)

    def measures(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """Absolute error, bias, how often the truth is later than said, and how often the error is small enough."""
        error = (predicted - judged.truth).astype(np.float64)
        yield "mae", measures.mean(np.abs(error), judged.cluster, judged.clusters)
        yield "bias", measures.mean(error, judged.cluster, judged.clusters)
        yield "said_too_little", measures.mean((error < 0).astype(np.float64), judged.cluster, judged.clusters)
        if self.within is not None:
            inside = (np.abs(error) <= self.within).astype(np.float64)
            yield f"within_{self.within:g}", measures.mean(inside, judged.cluster, judged.clusters)

    def of_all(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """The squared error, and how often an update moves what was said before."""
        error = (predicted - judged.truth).astype(np.float64)
        yield "mean_squared_error", measures.mean(error**2, judged.cluster, judged.clusters)
        if "sequence" in judged.columns:
            jumped = jumps(judged.columns["sequence"], judged.columns[MINUTE], predicted, self.jump)
            yield f"jumps_over_{self.jump:g}", measures.mean(jumped, judged.cluster, judged.clusters)

    def of_predictions(self, judged: Judged, predicted: AnyArray) -> Iterator[tuple[str, Measure]]:
        """|bias| as a share of the mean."""
        error = np.bincount(judged.cluster, weights=predicted - judged.truth, minlength=judged.clusters)
        truth = np.bincount(judged.cluster, weights=judged.truth, minlength=judged.clusters)

        def measure(weights: Weights) -> AnyArray:
            return np.asarray(np.abs(weighted_ratio(weights, error, truth)))

        yield self.calibration, measure

    def curves(self, judged: Judged, predicted: AnyArray, point: float | None) -> Mapping[str, Curve]:
        """How many of the errors are at most so large."""
        error, shares = np.abs(predicted - judged.truth), np.linspace(0.01, 0.99, 99)
        sizes = np.quantile(error, shares) if len(error) else np.full(len(shares), np.nan)
        return {"errors": Curve("Errors", "absolute error", "share of rows with at most that", sizes, shares)}


def jumps(sequence: AnyArray, minute: AnyArray, predicted: AnyArray, most: float) -> AnyArray:
    """(rows,) 1 where an update moves the moment it speaks of by more than `most` minutes, NaN for a first update.

    sequence  (rows,) codes      minute  (rows,) when it was said      predicted  (rows,) minutes from then
    """
    order = np.lexsort((minute, sequence))
    moment, who = (minute + predicted)[order], sequence[order]
    moved = np.r_[np.nan, np.where(who[1:] == who[:-1], np.abs(np.diff(moment)) > most, np.nan)][: len(order)]
    answer = np.empty(len(order))
    answer[order] = moved
    return answer
