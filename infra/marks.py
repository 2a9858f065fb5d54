"""Marks: words as 64-bit numbers that are the same in every process and on every machine."""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Marks = NDArray[np.uint64]
NO_MARKS: Marks = np.zeros(0, dtype=np.uint64)


def mark(word: str) -> int:
    """The mark of a word: the first eight bytes of its BLAKE2b hash, little-endian."""
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")


def marks(words: Iterable[str]) -> Marks:
    """(words,) uint64, the mark of each word."""
    hashed = b"".join([blake2b(word.encode(), digest_size=8).digest() for word in words])
    return np.frombuffer(hashed, dtype="<u8")
