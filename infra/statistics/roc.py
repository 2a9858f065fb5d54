"""Area under the ROC curve: of rows, or of rows whose owners are drawn more or less often."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infra.statistics.resampling import Weights

AT_ONCE = 2_000_000  # weighted rows held in memory at the same time


def auc(label: ArrayLike, score: ArrayLike) -> float:
    """Probability that a positive row scores above a negative one, ties counting half; NaN without both classes.

    label  (rows,) positive where above 0      score  (rows,) finite
    """
    rows = len(np.asarray(label))
    return float(weighted_auc(np.arange(rows), label, score)(np.ones((1, rows), dtype=np.float32))[0])


def weighted_auc(
    owner: NDArray[Any], label: ArrayLike, score: ArrayLike, weight: NDArray[Any] | None = None
) -> Callable[[Weights], NDArray[Any]]:
    """The same as a function of how often each owner of rows is drawn: (draws, owners) weights → (draws,) areas.

    owner   (rows,) codes from 0: whose each row is
    weight  (rows,) for how many rows each stands; None: each for itself
    """
    values = np.asarray(score)
    order = np.argsort(values, kind="stable")
    ordered, who, positive = values[order], owner[order], np.asarray(label)[order] > 0
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(order) else np.zeros(0, dtype=int)
    step = max(1, AT_ONCE // max(1, len(order)))

    def some(weights: Weights) -> NDArray[Any]:
        drawn = weights[:, who] if weight is None else weights[:, who] * weight[order]
        ones = np.add.reduceat(drawn * positive, starts, axis=1, dtype=np.float64)
        noughts = np.add.reduceat(drawn * ~positive, starts, axis=1, dtype=np.float64)
        below = np.cumsum(noughts, axis=1) - noughts / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((ones * below).sum(axis=1) / (ones.sum(axis=1) * noughts.sum(axis=1)))

    def areas(weights: Weights) -> NDArray[Any]:
        if not len(order):
            return np.full(len(weights), np.nan)
        return np.concatenate([some(weights[i : i + step]) for i in range(0, len(weights), step)])

    return areas


def label_auc_of_column(label: ArrayLike, values: ArrayLike, bins: int = 64) -> float:
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


def label_auc_of_nulls(label: ArrayLike, values: ArrayLike) -> float:
    """How well it alone tells the label whether a column is known, 0.5 (not at all) to 1; NaN without both classes."""
    straight = auc(label, ~np.isfinite(np.asarray(values, dtype=np.float64)))
    return max(straight, 1 - straight)
