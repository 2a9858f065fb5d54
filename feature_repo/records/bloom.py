"""A Bloom filter of pairs: a few bits for each of millions. A pair that was added is always found.

A pair that was not added is found, wrongly, in one of a thousand cases at 9 million pairs, in one of thirty at twice as
many. Nothing can be removed from it. Bits are numbered as in Redis: the highest of a byte is the first.
"""

import numpy as np
from numpy.typing import NDArray

from infra.marks import Marks

BLOOM_BITS = 1 << 27
BLOOM_BYTES = BLOOM_BITS // 8
PLACES = 7  # bits a pair: with 15 bits of room for each, the best number of them is a little more and hardly better
_FIRST = np.uint64(64 - 27)  # a place is the highest 27 bits of a number: the filter has 2^27
_GOLDEN, _OTHER = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_STEPS = np.arange(PLACES, dtype=np.uint64)[:, None]
Bits = NDArray[np.uint8]


def places(ones: Marks, others: Marks) -> NDArray[np.int64]:
    """(PLACES, n) the bits of n pairs, given as the marks of (n | 1,) ones and of (n,) others."""
    begin = _spread(ones * _GOLDEN + others)
    stride = _spread(begin + _GOLDEN) | np.uint64(1)
    return ((begin + stride * _STEPS) >> _FIRST).astype(np.int64)


def bloom_add(bits: Bits, ones: Marks, others: Marks) -> None:
    """Add pairs to (BYTES,) bits."""
    where = places(ones, others)
    np.bitwise_or.at(bits, where >> 3, _mask(where))


def bloom_holds(bits: Bits, ones: Marks, others: Marks) -> NDArray[np.bool_]:
    """(n,) whether each pair is found: never False for one that was added."""
    where = places(ones, others)
    is_held: NDArray[np.bool_] = (bits.take(where >> 3) & _mask(where) != 0).all(axis=0)
    return is_held


def _mask(where: NDArray[np.int64]) -> Bits:
    return (128 >> (where & 7)).astype(np.uint8)


def _spread(numbers: Marks) -> Marks:
    """Numbers each bit of which depends on all bits of the original."""
    for factor in (_OTHER, _GOLDEN):
        numbers = (numbers ^ (numbers >> np.uint64(32))) * factor
    return numbers ^ (numbers >> np.uint64(32))
