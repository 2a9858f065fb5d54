"""Quantiles: a promise that is kept so often."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from infra.arrays import AnyArray
from infra.errors import DefinitionError
from infra.statistics import Weights
from training.objectives.measures import Measure
from training.objectives.objective import Curve, Judged, Link


@dataclass(frozen=True, slots=True)
class Quantile:
    """Numbers that the truth stays below so often, such as an order quantity. A unit's merit is −pinball loss.

    Predictions are (rows, levels), a column for each of `levels`, and do not cross; (rows,) is the same number at every
    level. `base` names a feature that already is a prediction: models learn what it is off by.
    """

    levels: tuple[float, ...] = (0.5, 0.9)
    base: str | None = None
    kind: str = "quantile"
    acts: bool = False
    calibration: str = "coverage_error"
    merit: str = "minus_pinball"
    link: Link = "identity"

    def __post_init__(self) -> None:
        rising = sorted(set(self.levels)) == list(self.levels)
        if not self.levels or not rising or not 0 < self.levels[0] <= self.levels[-1] < 1:
            raise DefinitionError(f"quantile levels {self.levels}: give one or more between 0 and 1, rising")

    @property
    def roles(self) -> Mapping[str, str]:
        """What already is a prediction."""
        return {"base": self.base} if self.base else {}

    @property
    def booster(self) -> Mapping[str, object]:
        """All levels at once."""
        return {"objective": "reg:quantileerror", "quantile_alpha": list(self.levels), "eval_metric": "quantile"}

    def operating_point(self, tuned_on: Judged, predicted: AnyArray) -> None:
        """A quantile has none."""

    def merits(self, judged: Judged, predicted: AnyArray, point: float | None) -> AnyArray:
        """−pinball loss of each unit, the mean of the levels."""
        return judged.weighed(judged.by_unit(-self._pinball(judged, predicted).mean(axis=1)))

    def perfect(self, judged: Judged) -> AnyArray:
        """No loss."""
        return np.zeros(judged.units)

    def happened(self, judged: Judged) -> AnyArray:
        """Whether the number is above its base, or the usual, by more than is usual."""
        above = judged.truth - judged.columns.get("base", np.zeros(len(judged.truth)))
        return np.asarray(above > np.nanmedian(above)) if len(above) else np.zeros(0, dtype=bool)

    def measures(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """Pinball loss and coverage of each level."""
        loss, below = self._pinball(judged, predicted), judged.truth[:, None] <= self._by_level(predicted)
        for nth, level in enumerate(self.levels):
            yield f"pinball_p{level * 100:g}", judged.mean(loss[:, nth])
            kept = below[:, nth].astype(np.float64)
            yield f"coverage_p{level * 100:g}", judged.mean(kept)

    def of_all(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """Nothing more."""
        return iter(())

    def of_predictions(self, judged: Judged, predicted: AnyArray) -> Iterator[tuple[str, Measure]]:
        """The largest |coverage − level|."""
        below = (judged.truth[:, None] <= self._by_level(predicted)).astype(np.float64)
        kept = [judged.mean(column) for column in below.T]

        def measure(weights: Weights) -> AnyArray:
            off = [np.abs(share(weights) - level) for share, level in zip(kept, self.levels, strict=True)]
            return np.asarray(np.max(off, axis=0))

        yield self.calibration, measure

    def curves(self, judged: Judged, predicted: AnyArray, point: float | None) -> Mapping[str, Curve]:
        """How often each promise is kept."""
        kept = (judged.truth[:, None] <= self._by_level(predicted)).mean(axis=0)
        return {"coverage": Curve("Coverage", "promised share", "kept share", np.array(self.levels), kept)}

    def _by_level(self, predicted: AnyArray) -> AnyArray:
        """(rows, levels), rising in each row: levels that cross change places."""
        by_level = predicted if predicted.ndim == 2 else np.repeat(predicted[:, None], len(self.levels), axis=1)
        return np.sort(by_level, axis=1)

    def _pinball(self, judged: Judged, predicted: AnyArray) -> AnyArray:
        """(rows, levels) pinball loss (Koenker and Bassett 1978)."""
        short = judged.truth[:, None] - self._by_level(predicted)
        levels = np.array(self.levels)
        return np.asarray(np.maximum(levels * short, (levels - 1) * short))
