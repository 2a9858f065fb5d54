"""Whether a figure of a day lies where it usually does: an interval that one more day like those before lies in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST_DAYS = 7
"""So few days say nothing of what is usual."""
SMALLEST_CHANGE = 0.05
"""A change by less is no finding, however steady the days before were."""


@dataclass(frozen=True, slots=True)
class Usual:
    """A figure, the mean of the days before, and the ends between which it usually lies; NaN with too few days."""

    value: float
    mean: float
    low: float
    high: float

    @property
    def below(self) -> bool:
        """Whether it lies below what is usual."""
        return self.value < min(self.low, self.mean - SMALLEST_CHANGE * abs(self.mean))

    @property
    def above(self) -> bool:
        """Whether it lies above what is usual."""
        return self.value > max(self.high, self.mean + SMALLEST_CHANGE * abs(self.mean))


def usual(value: float, before: Sequence[float], exceeded: float) -> Usual:
    """The figure against those of the days before.

    exceeded  the probability with which one more day like them lies below the interval, and as often above it
    """
    days = np.array([each for each in before if np.isfinite(each)], dtype=np.float64)
    if len(days) < LEAST_DAYS or not np.isfinite(value):
        return Usual(value, float("nan"), float("nan"), float("nan"))
    from scipy.stats import t

    mean = float(days.mean())
    spread = float(days.std(ddof=1) * np.sqrt(1 + 1 / len(days)) * t.isf(exceeded, len(days) - 1))
    return Usual(value, mean, mean - spread, mean + spread)
