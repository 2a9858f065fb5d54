"""Ranking and probability measures, each a function of how often every user is drawn: the value and its interval.

Arrays of rows are aligned; groups and users are codes from 0; scores that tie share the places they span.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from infra.arrays import AnyArray
from infra.statistics import Weights, weighted_ratio

CALIBRATION_BINS = 15
"""The calibration error is measured in so many bins of equally many rows."""
Measure = Callable[[Weights], AnyArray]
"""(draws, users) weights → (draws,) values."""


def ndcg(group: AnyArray, gain: AnyArray, score: AnyArray, top: int, groups: int) -> AnyArray:
    """NDCG of each group's first `top` places: Σ gain / log2(1 + place), over that of the best order; (groups,).

    NaN for a group in which nothing has a gain: every order of it is equally good.
    """
    gained = np.nan_to_num(discounted(group, gain, score, top, groups))
    order, places = _places(group, gain)
    ideal = np.where(places < top, gain[order] / np.log2(places + 2), 0.0)
    best = np.bincount(group[order], weights=ideal, minlength=groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(best > 0, gained / best, np.nan)


def discounted(group: AnyArray, worth: AnyArray, score: AnyArray, top: int, groups: int) -> AnyArray:
    """Σ worth / log2(1 + place) over each group's first `top` places; (groups,), NaN for a group without rows."""
    order, shared = _discounts(group, score, top)
    total = np.bincount(group[order], weights=worth[order] * shared, minlength=groups)
    return np.where(np.bincount(group, minlength=groups) > 0, total, np.nan)


def exposure(group: AnyArray, score: AnyArray, top: int) -> AnyArray:
    """What each row's place is worth: 1 / log2(1 + place) among the first `top` of its group, else 0; (rows,)."""
    order, shared = _discounts(group, score, top)
    worth = np.zeros(len(order))
    worth[order] = shared
    return worth


def _discounts(group: AnyArray, score: AnyArray, top: int) -> tuple[AnyArray, AnyArray]:
    """The order of the rows by group and score, and in this order what their places are worth."""
    order, places = _places(group, score)
    discount = np.where(places < top, 1 / np.log2(places + 2), 0.0)
    return order, _mean_over_ties(discount, group[order], score[order])


def mean(values: AnyArray, user: AnyArray, users: int, weight: AnyArray | None = None) -> Measure:
    """The mean of finite values, each belonging to a user; `weight` is for how many rows each stands."""
    known = np.isfinite(values)
    if weight is not None:
        stands_for = weight[known].astype(np.float64)
        total = np.bincount(user[known], weights=values[known] * stands_for, minlength=users)
        return ratio(total, np.bincount(user[known], weights=stands_for, minlength=users))
    total = np.bincount(user[known], weights=values[known], minlength=users)
    return ratio(total, np.bincount(user[known], minlength=users))


def ratio(above: AnyArray, below: AnyArray) -> Measure:
    """Σ above / Σ below, both (users,)."""

    return partial(weighted_ratio, above=above, below=below)


def gauc(user: AnyArray, label: AnyArray, score: AnyArray, users: int) -> Measure:
    """AUC per user who has both classes, weighted by the user's rows."""
    order, places = _places(user, -score)
    who, positive = user[order], label[order] > 0
    ranks = _mean_over_ties(places + 1.0, who, score[order])
    rows, positives = np.bincount(who, minlength=users), np.bincount(who, weights=positive, minlength=users)
    above = np.bincount(who, weights=ranks * positive, minlength=users) - positives * (positives + 1) / 2
    both = (positives > 0) & (positives < rows)
    area = np.divide(above, positives * (rows - positives), out=np.zeros(users), where=both)
    return ratio(area * rows * both, rows * both)


def log_loss(
    user: AnyArray, label: AnyArray, probability: AnyArray, users: int, weight: AnyArray | None = None
) -> Measure:
    """Mean of −log of the probability given to what happened."""
    p = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    loss = -np.where(label > 0, np.log(p), np.log1p(-p))
    return mean(loss, user, users, weight)


def calibration_error(
    user: AnyArray, label: AnyArray, probability: AnyArray, users: int, weight: AnyArray | None = None
) -> Measure:
    """Mean over rows of |predicted share − observed share| of the row's bin; bins of equally many rows."""
    bins = bins_of(probability)
    off = np.zeros((users, CALIBRATION_BINS))
    apart = probability.astype(np.float64) - (label > 0)
    np.add.at(off, (user, bins), apart if weight is None else apart * weight)
    rows = np.bincount(user, weights=weight, minlength=users)

    def measure(weights: Weights) -> AnyArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.abs(weights @ off).sum(axis=1) / (weights @ rows))

    return measure


def bins_of(probability: AnyArray) -> AnyArray:
    """The bin of each row, from 0: cut at quantiles."""
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]))
    bins: AnyArray = np.searchsorted(edges, probability, side="right")
    return bins


def places_in_group(group: AnyArray, score: AnyArray) -> AnyArray:
    """Each row's place in its group, from 0 for the highest score; ties in an order drawn with a fixed seed."""
    drawn = np.random.default_rng(0).random(len(group))
    order = np.lexsort((drawn, -score, group))
    places = np.empty(len(group), dtype=np.int64)
    places[order] = _counted(group[order])
    return places


def _places(group: AnyArray, score: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Rows ordered by group and falling score, and the place of each in its group, from 0."""
    order = np.lexsort((-score, group))
    return order, _counted(group[order])


def _counted(ordered: AnyArray) -> AnyArray:
    first = np.r_[True, ordered[1:] != ordered[:-1]] if len(ordered) else np.zeros(0, dtype=bool)
    starts = np.flatnonzero(first)
    places: AnyArray = (
        np.arange(len(ordered)) - starts[np.cumsum(first) - 1] if len(ordered) else np.zeros(0, dtype=int)
    )
    return places


def _mean_over_ties(values: AnyArray, group: AnyArray, score: AnyArray) -> AnyArray:
    if not len(values):
        return values
    starts = np.flatnonzero(np.r_[True, (group[1:] != group[:-1]) | (score[1:] != score[:-1])])
    lengths = np.diff(np.r_[starts, len(values)])
    shared: AnyArray = np.repeat(np.add.reduceat(values, starts) / lengths, lengths)
    return shared
