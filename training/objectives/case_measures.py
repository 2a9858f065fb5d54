"""Measures of decisions on single cases, each a function of how often every cluster is drawn.

Arrays of rows are aligned; clusters are codes from 0; a higher score is acted on first, ties together. `weight` is for
how many rows each stands.
"""

from collections.abc import Callable

import numpy as np

from infra.arrays import AnyArray
from infra.statistics import Weights
from training.objectives.measures import Measure


def best_threshold(score: AnyArray, benefit: AnyArray) -> float:
    """The score from which acting has the largest sum of `benefit` (rows,); infinity where every sum is negative."""
    if not len(score):
        return float("inf")
    order = np.argsort(-score, kind="stable")
    total, ordered = np.cumsum(benefit[order]), score[order]
    last_of_tie = np.r_[ordered[1:] != ordered[:-1], True]
    best = int(np.argmax(np.where(last_of_tie, total, -np.inf)))
    return float(ordered[best]) if total[best] > 0 else float("inf")


def average_precision(cluster: AnyArray, label: AnyArray, score: AnyArray, weight: AnyArray | None = None) -> Measure:
    """Σ (recall − recall before) × precision over falling scores; NaN without a positive row."""
    order, ends = _falling(score)
    who, positive, stands_for = cluster[order], label[order] > 0, _in_order(weight, order)

    def one(drawn: AnyArray) -> float:
        weight = drawn[who] * stands_for
        hits, rows = np.cumsum(weight * positive)[ends], np.cumsum(weight)[ends]
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.nan_to_num(hits / rows)
            return float((np.diff(hits, prepend=0.0) * precision).sum() / hits[-1]) if len(hits) else float("nan")

    return _each(one)


def recall_at(
    cluster: AnyArray, label: AnyArray, score: AnyArray, share: float, weight: AnyArray | None = None
) -> Measure:
    """The share of positive rows above the threshold that at most `share` of the negative rows reach."""
    order, ends = _falling(score)
    who, positive, stands_for = cluster[order], label[order] > 0, _in_order(weight, order)

    def one(drawn: AnyArray) -> float:
        weight = drawn[who] * stands_for
        hits, false = np.cumsum(weight * positive)[ends], np.cumsum(weight * ~positive)[ends]
        if not len(hits) or not hits[-1] > 0:
            return float("nan")
        within = np.flatnonzero(false <= share * false[-1])
        return float(hits[within[-1]] / hits[-1]) if len(within) else 0.0

    return _each(one)


def precision_a_day(day: AnyArray, counted: AnyArray, label: AnyArray, score: AnyArray, queue: int) -> Measure:
    """The share of positives among each day's `queue` highest, one entry for each of `counted`; the mean of the days.

    Le Borgne et al. 2022 call it card precision where `counted` is the card. Its interval is that of days, so the
    weights of clusters are used for nothing but their number: each draw takes the days again.
    """
    days, of_day = np.unique(day, return_inverse=True)
    precision = np.array([_of_one_day(counted[rows], label[rows], score[rows], queue)
                          for rows in (of_day == nth for nth in range(len(days)))])  # fmt: skip

    def measure(weights: Weights) -> AnyArray:
        if len(weights) == 1:
            return np.array([precision.mean() if len(precision) else np.nan])
        drawn = np.random.default_rng(0).integers(0, len(days), (len(weights), len(days)))
        return np.asarray(precision[drawn].mean(axis=1))

    return measure


def _of_one_day(counted: AnyArray, label: AnyArray, score: AnyArray, queue: int) -> float:
    _, who = np.unique(counted, return_inverse=True)
    highest, positive = np.full(who.max() + 1, -np.inf), np.zeros(who.max() + 1)
    np.maximum.at(highest, who, score)
    np.maximum.at(positive, who, label)
    return float(positive[np.argsort(-highest, kind="stable")[:queue]].sum() / queue)


def _falling(score: AnyArray) -> tuple[AnyArray, AnyArray]:
    """The rows by falling score, and the place of the last row of each tie."""
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    return order, np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True]) if len(order) else order


def _in_order(weight: AnyArray | None, order: AnyArray) -> AnyArray:
    return np.ones(len(order)) if weight is None else weight[order].astype(np.float64)


def _each(one: Callable[[AnyArray], float]) -> Measure:
    def measure(weights: Weights) -> AnyArray:
        return np.array([one(drawn) for drawn in weights])

    return measure
