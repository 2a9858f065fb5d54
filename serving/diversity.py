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
    worth, lost = relevance.copy(), vectors * np.float32(-weight)
    picked = []
    for _ in range(min(picks, len(worth))):
        best = int(worth.argmax())
        picked.append(best)
        # Row by row: one product of all with all is large enough for BLAS to wake threads, which then spin.
        np.minimum(worth, relevance + lost @ vectors[best], out=worth)
        worth[picked] = -np.inf
    return np.array(picked, dtype=np.intp)
