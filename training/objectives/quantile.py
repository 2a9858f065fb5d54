"""Quantiles: a promise that is kept so often."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from infra.arrays import AnyArray
from infra.errors import DefinitionError
from infra.statistics import Weights
from training.objectives import measures
from training.objectives.measures import Measure
from training.objectives.objective import Judged


@dataclass(frozen=True, slots=True)
class Quantile:
    """Numbers that the truth stays below so often, such as an order quantity. A unit's merit is −pinball loss.

    Predictions are (rows, levels), a column for each of `levels`, and do not cross.
    """

    levels: tuple[float, ...] = (0.5, 0.9)
    merit: str = "minus_pinball"

    def __post_init__(self) -> None:
        if (
            not self.levels
            or sorted(set(self.levels)) != list(self.levels)
            or not 0 < self.levels[0] <= self.levels[-1] < 1
        ):
            raise DefinitionError(f"quantile levels {self.levels}: give one or more between 0 and 1, rising")

    @property
    def roles(self) -> Mapping[str, str]:
        """Nothing but the truth."""
        return {}

    @property
    def booster(self) -> Mapping[str, object]:
        """All levels at once."""
        return {"objective": "reg:quantileerror", "quantile_alpha": list(self.levels), "eval_metric": "quantile"}

    def operating_point(self, tuned_on: Judged, predicted: AnyArray) -> None:
        """A quantile has none."""

    def merits(self, judged: Judged, predicted: AnyArray, point: float | None) -> AnyArray:
        """−pinball loss of each unit, the mean of the levels."""
        return judged.by_unit(-self._pinball(judged, predicted).mean(axis=1))

    def measures(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """Pinball loss and coverage of each level."""
        loss, below = self._pinball(judged, predicted), judged.truth[:, None] <= predicted
        for nth, level in enumerate(self.levels):
            yield f"pinball_p{level * 100:g}", measures.mean(loss[:, nth], judged.cluster, judged.clusters)
            kept = below[:, nth].astype(np.float64)
            yield f"coverage_p{level * 100:g}", measures.mean(kept, judged.cluster, judged.clusters)

    def miscalibration(self, judged: Judged, predicted: AnyArray) -> Measure:
        """The largest distance of a level's coverage from the level."""
        below = (judged.truth[:, None] <= predicted).astype(np.float64)
        covers = [measures.mean(below[:, nth], judged.cluster, judged.clusters) for nth in range(len(self.levels))]

        def measure(weights: Weights) -> AnyArray:
            off = [np.abs(cover(weights) - level) for cover, level in zip(covers, self.levels, strict=True)]
            return np.asarray(np.max(off, axis=0))

        return measure

    def _pinball(self, judged: Judged, predicted: AnyArray) -> AnyArray:
        """(rows, levels) pinball loss (Koenker and Bassett 1978)."""
        over = judged.truth[:, None] - predicted
        levels = np.array(self.levels)
        return np.asarray(np.maximum(levels * over, (levels - 1) * over))
