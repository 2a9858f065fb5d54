"""Bootstrap intervals of a mean, resampled by cluster."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its interval, and the number of groups it rests on."""

    mean: float
    low: float
    high: float
    groups: int

    def __str__(self) -> str:
        return f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


def interval(
    values: Floats, seed: int, clusters: NDArray[Any] | None = None, draws: int = 1_000, confidence: float = 0.95
) -> Interval:
    """Mean of `values` with its percentile bootstrap interval; all NaN with fewer than two finite values or clusters.

    values    (groups,) NaN where a group says nothing; for a paired difference, the differences
    clusters  (groups,) drawn whole; None: each group is drawn by itself
    """
    values = np.asarray(values, dtype=np.float64)
    known = np.isfinite(values)
    place = (
        np.arange(known.sum()) if clusters is None else np.unique(np.asarray(clusters)[known], return_inverse=True)[1]
    )
    size = int(place.max()) + 1 if len(place) else 0
    if size < 2:
        return Interval(float("nan"), float("nan"), float("nan"), int(known.sum()))
    sums, counts = np.bincount(place, weights=values[known]), np.bincount(place)
    rng = np.random.default_rng(seed)
    means = [_one_draw(rng, sums, counts) for _ in range(draws)]
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(values[known].mean()), float(low), float(high), int(known.sum()))


def _one_draw(rng: np.random.Generator, sums: NDArray[Any], counts: NDArray[Any]) -> float:
    weights = np.bincount(rng.integers(0, len(sums), len(sums)), minlength=len(sums))
    return float((weights @ sums) / (weights @ counts))
