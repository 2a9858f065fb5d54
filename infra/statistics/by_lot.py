"""Recall where labels are censored by decisions: what was caught is known, what was missed is known of a lot only."""

import numpy as np
from numpy.typing import ArrayLike

from infra.arrays import Bools, Float64s
from infra.statistics.resampling import Interval


def recall_by_lot(positive: ArrayLike, caught: ArrayLike, weight: ArrayLike, confidence: float = 0.95) -> Interval:
    """The share of the positive cases that was caught, of all cases that these rows stand for, with its interval.

    positive  (rows,) what was found of each case whose label is known
    caught    (rows,) whether the decision in question acts on it
    weight    (rows,) for how many cases it stands: 1 where every such case has a label, 1/p where a lot gave it one
              with probability p
    The interval speaks of chance in the lot, with this period's cases as they are: cases of one card are drawn apart
    from each other, so nothing has to be drawn together. Both ends hold with few positives in the lot, and with none.
    Rows that nobody draws from are not spoken of. `groups` is the number of positive rows; all is NaN without one.
    """
    is_positive, acted = np.asarray(positive) > 0, np.asarray(caught, dtype=bool)
    weights = np.asarray(weight, dtype=np.float64)
    if not is_positive.any():
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    drawn = weights > 1
    parts = [side for side in (acted, ~acted) if (drawn & side).any()]
    error = (1 - confidence) / max(len(parts), 1)  # where both sides are drawn from, each interval holds more often
    (low_in, in_, high_in), (low_out, out, high_out) = (
        total_by_lot(is_positive & side, weights, drawn & side, error) for side in (acted, ~acted)
    )
    return Interval(in_ / (in_ + out), _share(low_in, high_out), _share(high_in, low_out), int(is_positive.sum()))


def total_by_lot(counted: Bools, weight: Float64s, drawn: Bools, error: float) -> tuple[float, float, float]:
    """How many cases the counted rows stand for, between two ends that `error` of all lots lie outside of.

    drawn  (rows,) all rows that the lot gave, counted or not: the largest weight that a missed case could have had
    Sums of Poisson counts with weights have gamma intervals (Fay and Feuer 1997): with equal weights they are the exact
    ones of a count. Drawing without replacement makes them hold a little more often.
    """
    from scipy.special import gammaincinv  # 20 MiB that serving does not need

    certain = float(weight[counted & ~drawn].sum())
    by_lot = weight[counted & drawn]
    if not drawn.any():
        return certain, certain, certain
    total, variance, largest = float(by_lot.sum()), float((by_lot**2).sum()), float(weight[drawn].max())
    low = variance / total * gammaincinv(total**2 / variance, error / 2) if total else 0.0
    above, spread = total + largest, variance + largest**2
    high = spread / above * gammaincinv(above**2 / spread, 1 - error / 2)
    return certain + float(low), certain + total, certain + float(high)


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest else float("nan")
