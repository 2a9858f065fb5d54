"""Maximal marginal relevance (Carbonell and Goldstein 1998): good items that are not all alike."""

import numpy as np

from feature_repo.counters import Floats
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
    picked = []
    for _ in range(min(picks, len(worth))):
        picked.append(best := worth.argmax())
        np.fmin(worth, after[best], worth)  # not minimum: a score that is no number is picked once too
    return np.array(picked, dtype=np.intp)
