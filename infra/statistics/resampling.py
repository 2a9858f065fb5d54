"""Bootstrap intervals: clusters such as users are drawn again and again, and a figure is measured on every draw."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infra.arrays import Reals

Weights = NDArray[Any]
"""(draws, clusters): how often each cluster is drawn in each draw."""


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
    values: Reals, seed: int, clusters: NDArray[Any] | None = None, draws: int = 1_000, confidence: float = 0.95
) -> Interval:
    """Mean of `values` with its percentile bootstrap interval; all NaN with fewer than two finite values or clusters.

    values    (groups,) NaN where a group has no value; for a paired difference, the differences
    clusters  (groups,) whose groups are drawn together; None: each group is drawn by itself
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
    means = [float(weighted_ratio(drawn, sums, counts)) for drawn in drawn_with_replacement(size, draws, seed)]
    low, high = percentiles(means, (1 - confidence) / 2, (1 + confidence) / 2)
    return Interval(float(values[known].mean()), low, high, int(known.sum()))


def clustered_error(values: Reals, clusters: NDArray[Any]) -> float:
    """Standard error of the mean of finite `values`, whose clusters are independent; NaN with fewer than two clusters.

    values, clusters  (units,) and codes from 0
    """
    known = np.isfinite(values)
    count = int(known.sum())
    if len(np.unique(clusters[known])) < 2:
        return float("nan")
    off = np.bincount(clusters[known], weights=np.asarray(values, dtype=np.float64)[known] - values[known].mean())
    return float(np.sqrt(np.square(off).sum()) / count)


def percentiles(samples: ArrayLike, low: float, high: float) -> tuple[float, float]:
    """The two quantiles of the finite values of the draws; NaN where there are none."""
    values = np.asarray(samples)
    known = values[np.isfinite(values)]
    ends = np.quantile(known, [low, high]) if len(known) else (np.nan, np.nan)
    return float(ends[0]), float(ends[1])


def weighted_ratio(weights: Weights, above: NDArray[Any], below: NDArray[Any]) -> NDArray[Any]:
    """Σ above / Σ below over what is drawn; (draws,) for weights (draws, clusters), one number for one draw."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights @ above) / (weights @ below))


# Two ways to draw, because recorded figures rest on both: gates decide on draws with replacement, the measures of
# training on Poisson weights. With one way for both, the figures of the other would change at the same seed.


def drawn_with_replacement(clusters: int, draws: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Draw by draw, how often each cluster is drawn: as many in all as there are clusters."""
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        yield np.bincount(rng.integers(0, clusters, clusters), minlength=clusters)


def drawn_by_poisson(clusters: int, draws: int, seed: int) -> Weights:
    """How often each cluster is drawn in each draw, Poisson with mean 1; (draws, clusters) float32."""
    return np.random.default_rng(seed).poisson(1.0, (draws, clusters)).astype(np.float32)
