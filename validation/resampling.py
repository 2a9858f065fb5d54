"""Bootstrap intervals of a mean difference, paired on groups and resampled by cluster."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
DRAWS_AT_ONCE = 50  # so that 1,000 draws over 100,000 clusters need 40 MB and not 800


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its interval, and the number of groups it rests on."""

    mean: float
    low: float
    high: float
    groups: int

    def __str__(self) -> str:
        return f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


def interval(values: Floats, seed: int, clusters: NDArray[Any] | None = None, draws: int = 1_000, confidence: float = 0.95) -> Interval:
    """Mean of `values` with its percentile bootstrap interval; all NaN when fewer than two finite values or clusters exist.

    values    (groups,) NaN where a group says nothing
    clusters  (groups,) drawn whole; None: each group is drawn by itself
    """
    values = np.asarray(values, dtype=np.float64)
    known = np.isfinite(values)
    place = np.arange(known.sum()) if clusters is None else np.unique(np.asarray(clusters)[known], return_inverse=True)[1]
    size = int(place.max()) + 1 if len(place) else 0
    if size < 2:
        return Interval(float("nan"), float("nan"), float("nan"), int(known.sum()))
    sums, counts = np.bincount(place, weights=values[known]), np.bincount(place)
    means = np.concatenate([_means(sums, counts, n, seed + i) for i, n in enumerate(_portions(draws))])
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(values[known].mean()), float(low), float(high), int(known.sum()))


def _means(sums: Floats, counts: NDArray[Any], draws: int, seed: int) -> Floats:
    weights = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=draws)
    drawn: Floats = (weights @ sums) / (weights @ counts)
    return drawn


def _portions(draws: int) -> list[int]:
    return [min(DRAWS_AT_ONCE, draws - i) for i in range(0, draws, DRAWS_AT_ONCE)]
