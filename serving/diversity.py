"""Maximal marginal relevance (Carbonell and Goldstein 1998): good items that are not all alike."""

import numpy as np

from feature_repo.counters import Floats
from feature_repo.jit import jit
from serving.rerank import Order


def spread(scores: Floats) -> Floats:
    """Scores stretched over 0 to 1; all 0 when they are equal."""
    low, high = scores.min(), scores.max()
    return np.asarray((scores - low) / (high - low) if high > low else np.zeros_like(scores), dtype=np.float32)


def diverse(relevance: Floats, vectors: Floats, weight: float, picks: int) -> Order:
    """Places of the first `picks`: each the best by relevance less `weight` times its likeness to those before it.

    relevance  (candidates,) float32
    vectors    (candidates, d) float32 of length 1, zeros where nothing is known: likeness is the largest cosine with
               any item picked before, at least 0
    """
    worth = relevance.copy()
    after = vectors.dot(vectors.T * np.float32(-weight)) + relevance  # row i: what each is worth below candidate i
    after.flat[:: len(worth) + 1] = -np.inf
    picked = np.empty(min(picks, len(worth)), dtype=np.int64)
    _pick(worth, after, picked)
    return picked


@jit
def _pick(worth: Floats, after: Floats, picked: Order) -> int:
    """Pick the best again and again; a score that is no number is the best of all, and picked once too."""
    for turn in range(len(picked)):
        best = 0
        for i in range(len(worth)):
            if worth[best] == worth[best] and not worth[i] <= worth[best]:
                best = i
        picked[turn] = best
        for i in range(len(worth)):
            if not worth[i] <= after[best, i] and after[best, i] == after[best, i]:
                worth[i] = after[best, i]
    return len(picked)
