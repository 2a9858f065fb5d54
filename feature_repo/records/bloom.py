"""A Bloom filter of pairs: which of millions were met, in a few bits each. Who was met is always said to have been.

Of pairs that were not met it says so of one in a thousand while it holds 9 million, of one in thirty at twice as many.
Nothing can be taken out of it. Redis counts the bits of a string as it does: the highest of a byte is the first.
"""

import numpy as np
from numpy.typing import NDArray

from infra.marks import Marks

BLOOM_BITS = 1 << 27
BLOOM_BYTES = BLOOM_BITS // 8
PLACES = 7  # bits a pair: with 15 bits of room for each, the best number of them is a little more and hardly better
_FIRST = np.uint64(64 - 27)  # the highest bits of a number say where: as many as there are bits
_GOLDEN, _OTHER = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_STEPS = np.arange(PLACES, dtype=np.uint64)[:, None]
Bits = NDArray[np.uint8]


def places(ones: Marks, others: Marks) -> NDArray[np.int64]:
    """(PLACES, n) the bits of n pairs, given as the marks of (n | 1,) ones and of (n,) others."""
    begin = _spread(ones * _GOLDEN + others)
    stride = _spread(begin + _GOLDEN) | np.uint64(1)
    return ((begin + stride * _STEPS) >> _FIRST).astype(np.int64)


def bloom_add(bits: Bits, ones: Marks, others: Marks) -> None:
    """Note pairs in (BYTES,) bits."""
    where = places(ones, others)
    np.bitwise_or.at(bits, where >> 3, _mask(where))


def bloom_holds(bits: Bits, ones: Marks, others: Marks) -> NDArray[np.bool_]:
    """(n,) whether each pair was met: never False for one that was."""
    where = places(ones, others)
    held: NDArray[np.bool_] = (bits.take(where >> 3) & _mask(where) != 0).all(axis=0)
    return held


def _mask(where: NDArray[np.int64]) -> Bits:
    return (128 >> (where & 7)).astype(np.uint8)


def _spread(numbers: Marks) -> Marks:
    """Numbers whose every bit depends on every bit of those given."""
    for factor in (_OTHER, _GOLDEN):
        numbers = (numbers ^ (numbers >> np.uint64(32))) * factor
    return numbers ^ (numbers >> np.uint64(32))
