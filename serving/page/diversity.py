"""Maximal marginal relevance (Carbonell and Goldstein 1998): good items that are not all alike."""

import numpy as np

from infra.arrays import Float32s, Int64s
from infra.loops import loop

NEVER = -float("inf")


def spread(scores: Float32s) -> Float32s:
    """Scores stretched over 0 to 1; all 0 when they are equal."""
    stretched = np.zeros_like(scores)
    _spread(scores, stretched)
    return stretched


@loop("int64(read(float32[:]), float32[:])")
def _spread(scores: Float32s, stretched: Float32s) -> int:
    if len(scores) == 0:
        return 0
    low = high = np.float64(scores[0])
    for i in range(len(scores)):
        low = min(low, np.float64(scores[i]))
        high = max(high, np.float64(scores[i]))
    if high > low:
        for i in range(len(scores)):
            stretched[i] = (scores[i] - low) / (high - low)
    return len(scores)


def diverse(relevance: Float32s, vectors: Float32s, weight: float, picks: int) -> Int64s:
    """Places of the first `picks`: each the best by relevance less `weight` times its likeness to those before it.

    relevance  (candidates,) float32
    vectors    (candidates, d) float32 of length 1, zeros where nothing is known: likeness is the largest cosine with
               any item picked before, at least 0
    """
    picked = np.empty(min(picks, len(relevance)), dtype=np.int64)
    _pick(relevance, vectors.dot(vectors.T), weight, relevance.copy(), picked)
    return picked


@loop("int64(read(float32[:]), read(float32[:, :]), float64, float32[:], int64[:])")
def _pick(relevance: Float32s, likeness: Float32s, weight: float, worth: Float32s, picked: Int64s) -> int:
    """Pick the best again and again; a score that is no number is the best of all, and picked once too."""
    for turn in range(len(picked)):
        best = 0
        for i in range(len(worth)):
            if worth[best] == worth[best] and not worth[i] <= worth[best]:
                best = i
        picked[turn] = best
        for i in range(len(worth)):
            below = relevance[i] - weight * likeness[best, i]
            if below == below and not worth[i] <= below:  # noqa: PLR0124
                worth[i] = below
        worth[best] = NEVER
    return len(picked)
