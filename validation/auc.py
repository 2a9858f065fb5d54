"""Area under the ROC curve, from ranks."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]


def auc(label: ArrayLike, score: ArrayLike) -> float:
    """Probability that a positive row scores above a negative one, ties counting half; NaN without both classes.

    label  (rows,) positive where above 0      score  (rows,) finite
    """
    positive, values = np.asarray(label) > 0, np.asarray(score)
    n = int(positive.sum())
    if n == 0 or n == len(positive):
        return float("nan")
    return (_ranks(values)[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n))


def _ranks(values: NDArray[Any]) -> Floats:
    """Ranks from 1, ties sharing their mean rank."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ends = np.r_[starts[1:], len(values)]
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((starts + 1 + ends) / 2, ends - starts)
    return ranks


def telling(label: ArrayLike, values: ArrayLike, bins: int = 64) -> float:
    """How well one column alone tells the label, 0.5 (not at all) to 1: as it stands, turned round, or by its bins.

    The bins (quantiles, nulls apart) learn their mean label on every second row and are judged on the others, so that a
    column that tells the label without being monotone is seen and noise is not. NaN without both classes.
    """
    positive, column = np.asarray(label) > 0, np.asarray(values, dtype=np.float64)
    known = np.isfinite(column)
    if not known.any():
        return 0.5 if 0 < positive.sum() < len(positive) else float("nan")
    straight = auc(positive[known], column[known]) if known.any() else float("nan")
    edges = np.unique(np.quantile(column[known], np.linspace(0, 1, bins + 1)[1:-1]))
    place = np.where(known, np.searchsorted(edges, column, side="right"), len(edges) + 1)
    learn = np.arange(len(column)) % 2 == 0
    counts = np.bincount(place[learn], minlength=len(edges) + 2)
    means = (np.bincount(place[learn], weights=positive[learn], minlength=len(edges) + 2) + positive.mean()) / (counts + 1)
    binned = auc(positive[~learn], means[place[~learn]])
    seen = [max(a, 1 - a) if i == 0 else a for i, a in enumerate((straight, binned)) if np.isfinite(a)]
    return max(0.5, *seen) if seen else float("nan")
