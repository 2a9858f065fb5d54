"""Chance without state: the same seed, channel and keys give the same number, in whatever order they are asked for."""

from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infra.arrays import Float64s

Words = NDArray[np.uint64]


def generator(seed: int, channel: str) -> np.random.Generator:
    """A generator of its own for each purpose, so that a new purpose does not change the draws of the old ones."""
    return np.random.default_rng([seed, crc32(channel.encode())])


def uniform(seed: int, channel: str, *keys: ArrayLike) -> Float64s:
    """Numbers in [0, 1), one for each combination of the keys (broadcast against each other)."""
    word = np.array([seed, crc32(channel.encode())], dtype=np.int64).astype(np.uint64)
    state = _mix(_mix(word[:1]) ^ word[1:])
    for key in keys:
        state = _mix(state ^ np.asarray(key).astype(np.int64).astype(np.uint64))
    return (state >> np.uint64(11)).astype(np.float64) / 2.0**53


def normal(seed: int, channel: str, *keys: ArrayLike) -> Float64s:
    """Standard normal numbers (Box and Muller 1958)."""
    radius = np.sqrt(-2.0 * np.log1p(-uniform(seed, channel, *keys)))
    return radius * np.cos(2.0 * np.pi * uniform(seed, f"{channel}/angle", *keys))


def _mix(x: Words) -> Words:
    """One step of splitmix64 (Steele, Lea and Flood 2014): every bit of the answer depends on every bit of x."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
