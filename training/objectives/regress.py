"""Regression: say a number."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from infra.arrays import AnyArray
from infra.statistics import Weights, weighted_ratio
from training.objectives import measures
from training.objectives.measures import Measure
from training.objectives.objective import Judged


@dataclass(frozen=True, slots=True)
class Regress:
    """A number, such as minutes to arrival. A unit's merit is −|error|.

    `base` names a feature that already is a prediction: the model learns what it is off by. `within` is an error that
    people forgive; the share of rows inside it is told.
    """

    base: str | None = None
    within: float | None = None
    merit: str = "minus_absolute_error"

    @property
    def roles(self) -> Mapping[str, str]:
        """Nothing but the truth."""
        return {}

    @property
    def booster(self) -> Mapping[str, object]:
        """The median, whose absolute error is least."""
        return {"objective": "reg:absoluteerror", "eval_metric": "mae"}

    def operating_point(self, tuned_on: Judged, predicted: AnyArray) -> None:
        """A number has none."""

    def merits(self, judged: Judged, predicted: AnyArray, point: float | None) -> AnyArray:
        """−|error| of each unit."""
        return judged.by_unit(-np.abs(predicted - judged.truth))

    def measures(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """Absolute and squared error, bias, and how often the error is small enough."""
        error = (predicted - judged.truth).astype(np.float64)
        yield "mae", measures.mean(np.abs(error), judged.cluster, judged.clusters)
        yield "mean_squared_error", measures.mean(error**2, judged.cluster, judged.clusters)
        yield "bias", measures.mean(error, judged.cluster, judged.clusters)
        if self.within is not None:
            inside = (np.abs(error) <= self.within).astype(np.float64)
            yield f"within_{self.within:g}", measures.mean(inside, judged.cluster, judged.clusters)

    def miscalibration(self, judged: Judged, predicted: AnyArray) -> Measure:
        """|bias| as a share of the mean."""
        error = np.bincount(judged.cluster, weights=predicted - judged.truth, minlength=judged.clusters)
        truth = np.bincount(judged.cluster, weights=judged.truth, minlength=judged.clusters)

        def measure(weights: Weights) -> AnyArray:
            return np.asarray(np.abs(weighted_ratio(weights, error, truth)))

        return measure
