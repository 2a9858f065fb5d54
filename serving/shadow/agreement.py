"""How far two orders of the same candidates agree: Kendall's tau-b, which counts ties as neither."""

from math import sqrt

import numpy as np

from infra.arrays import Float32s, Int64s
from infra.loops import loop

MOST = 512  # candidates compared, spread evenly over all: a loop over their pairs keeps other threads waiting


def rank_agreement(first: Float32s, second: Float32s) -> float | None:
    """From −1, the one order is the other reversed, to 1, they are the same; None where nothing can be said."""
    step = -(-len(first) // MOST) or 1
    pairs = np.zeros(4, dtype=np.int64)
    _pairs(np.ascontiguousarray(first[::step]), np.ascontiguousarray(second[::step]), pairs)
    agreeing, opposed, tied_in_first, tied_in_second = pairs.tolist()
    ordered = agreeing + opposed
    both = sqrt((ordered + tied_in_first) * (ordered + tied_in_second))
    return (agreeing - opposed) / both if both else None


@loop("int64(read(float32[:]), read(float32[:]), int64[:])")
def _pairs(first: Float32s, second: Float32s, pairs: Int64s) -> int:
    """Count pairs that agree, are opposed, are tied in the first order only, and in the second only."""
    for i in range(len(first)):
        for k in range(i):
            one = (first[i] > first[k]) - (first[i] < first[k])
            other = (second[i] > second[k]) - (second[i] < second[k])
            if one * other > 0:
                pairs[0] += 1
            elif one * other < 0:
                pairs[1] += 1
            elif other != 0:
                pairs[2] += 1
            elif one != 0:
                pairs[3] += 1
    return 0
