"""Regression: say a number."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from infra.arrays import AnyArray
from infra.errors import DefinitionError
from infra.statistics import Weights, weighted_ratio
from training.objectives.measures import Measure
from training.objectives.objective import MINUTE, Curve, Judged, Link


@dataclass(frozen=True, slots=True)
class Regress:
    """A number, such as minutes to arrival. A unit's merit is −|error|.

    `base` names a feature that already is a prediction: models learn what it is off by. `within` is an error that
    people forgive; the share of rows inside it is told. `sequence` is a column whose rows say one thing again and
    again, such as the updates of a trip, in minutes from now: the share of updates that move the moment itself by more
    than `jump` minutes is told. `promise` is a share such as 0.9: beside its number a release says one that the truth
    stays below so often. It is the number times one factor, its operating point, chosen on the tuning rows.
    """

    base: str | None = None
    within: float | None = None
    sequence: str | None = None
    jump: float = 2.0
    promise: float | None = None
    kind: str = "regress"
    calibration: str = "bias_share"
    merit: str = "minus_absolute_error"
    link: Link = "identity"

    @property
    def acts(self) -> bool:
        """Whether a number, its promise, is chosen on the tuning rows."""
        return self.promise is not None

    @property
    def roles(self) -> Mapping[str, str]:
        """What already is a prediction, and whose rows follow each other."""
        named = {"base": self.base, "sequence": self.sequence}
        return {role: column for role, column in named.items() if column}

    @property
    def booster(self) -> Mapping[str, object]:
        """The median, whose absolute error is least."""
        return {"objective": "reg:absoluteerror", "eval_metric": "mae"}

    def __post_init__(self) -> None:
        if self.promise is not None and not 0 < self.promise < 1:
            raise DefinitionError(
                f"regress: a promise kept in {self.promise:g} of the rows: give a share between 0 and 1"
            )

    def operating_point(self, tuned_on: Judged, predicted: AnyArray) -> float | None:
        """How many times its number a contender promises; None where nothing is promised."""
        return None if self.promise is None else factor_kept(tuned_on.truth, predicted, self.promise)

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
        yield "mae", judged.mean(np.abs(error))
        yield "bias", judged.mean(error)
        yield "said_too_little", judged.mean((error < 0).astype(np.float64))
        if self.within is not None:
            inside = (np.abs(error) <= self.within).astype(np.float64)
            yield f"within_{self.within:g}", judged.mean(inside)
        if self.promise is not None and point is not None:
            kept = (judged.truth <= predicted * point).astype(np.float64)
            yield f"coverage_p{self.promise * 100:g}", judged.mean(kept)

    def of_all(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """The squared error, and how often an update moves what was said before."""
        error = (predicted - judged.truth).astype(np.float64)
        yield "mean_squared_error", judged.mean(error**2)
        if "sequence" in judged.columns:
            jumped = jumps(judged.columns["sequence"], judged.columns[MINUTE], predicted, self.jump)
            yield f"jumps_over_{self.jump:g}", judged.mean(jumped)

    def of_predictions(self, judged: Judged, predicted: AnyArray) -> Iterator[tuple[str, Measure]]:
        """|bias| as a share of the mean."""
        stands_for = 1.0 if judged.weight is None else judged.weight
        error, truth = (
            np.bincount(judged.cluster, weights=values * stands_for, minlength=judged.clusters)
            for values in (predicted - judged.truth, judged.truth)
        )

        def measure(weights: Weights) -> AnyArray:
            return np.asarray(np.abs(weighted_ratio(weights, error, truth)))

        yield self.calibration, measure

    def curves(self, judged: Judged, predicted: AnyArray, point: float | None) -> Mapping[str, Curve]:
        """How many of the errors are at most so large."""
        error, shares = np.abs(predicted - judged.truth), np.linspace(0.01, 0.99, 99)
        sizes = np.quantile(error, shares) if len(error) else np.full(len(shares), np.nan)
        return {"errors": Curve("Errors", "absolute error", "share of rows with at most that", sizes, shares)}


def factor_kept(truth: AnyArray, predicted: AnyArray, share: float) -> float:
    """How many times what was predicted the truth stays below in that share of the rows; NaN where none can tell."""
    some = predicted > 1e-6  # of a contender that is no prediction, such as a counter, the factor may be anything
    ratios = truth[some].astype(np.float64) / predicted[some]
    return float(np.quantile(ratios, share)) if len(ratios) else float("nan")


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
