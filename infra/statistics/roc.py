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
    return float((_ranks(values)[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))


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
    """How well a column alone tells the label where it is known, 0.5 (not at all) to 1: by order or by bins.

    The bins (quantiles) learn their mean label on every second row and are judged on the others, so that a column that
    tells the label without being monotone is seen and noise is not. NaN where the known rows hold one class only.
    """
    column = np.asarray(values, dtype=np.float64)
    known = np.isfinite(column)
    positive, column = (np.asarray(label) > 0)[known], column[known]
    straight = auc(positive, column)
    if not np.isfinite(straight):
        return float("nan")
    learn = np.arange(len(column)) % 2 == 0
    place = np.searchsorted(np.unique(np.quantile(column, np.linspace(0, 1, bins + 1)[1:-1])), column, side="right")
    counts = np.bincount(place[learn], minlength=bins)
    means = (np.bincount(place[learn], weights=positive[learn], minlength=bins) + positive.mean()) / (counts + 1)
    return float(np.nanmax([straight, 1 - straight, auc(positive[~learn], means[place[~learn]])]))


def told_by_nulls(label: ArrayLike, values: ArrayLike) -> float:
    """How well it alone tells the label whether a column is known, 0.5 (not at all) to 1; NaN without both classes."""
    straight = auc(label, ~np.isfinite(np.asarray(values, dtype=np.float64)))
    return max(straight, 1 - straight)
