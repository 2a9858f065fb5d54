"""Combinations of codes and their rows: for states that have several keys."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from feature_repo.records import Key
from infra.marks import Marks
from serving.items.mark_index import Codes, MarkIndex
from serving.items.shared_arrays import SharedArrays
from serving.items.vocabulary import Vocabulary

MOST = 1024  # lookups remembered: askers of one place look up the same combinations
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Combinations:
    """Combinations of the codes of several keys, and their rows, counted from 1; row 0 is for all unknown ones."""

    def __init__(self, arrays: SharedArrays, name: str, capacity: int, parts: Sequence[Vocabulary]) -> None:
        self._parts = parts
        self._index = MarkIndex(arrays, name, capacity)
        self._remembered: tuple[int, dict[bytes, Codes]] = 0, {}

    def __len__(self) -> int:
        return len(self._index)

    def rows_of(self, keys: Sequence[Key]) -> Codes:
        """The row of each key, new if need be; 0 where there is no more room."""
        codes = np.stack([part.codes(words) for part, words in self._apart(keys)], axis=1)
        mixed = _mixed(codes)
        new = np.unique(mixed[(self._index.find(mixed) == 0) & (codes != 0).all(axis=1)])
        self._index.add(new)
        return self._index.find(mixed)

    def find_keys(self, keys: Sequence[Key]) -> Codes:
        """The row of each key, 0 for those never met."""
        return self.find_all(np.stack([part.find_all(words) for part, words in self._apart(keys)], axis=1))

    def find_all(self, codes: Sequence[tuple[int, ...]] | NDArray[np.int32]) -> Codes:
        """The row of each combination of codes (n, keys), 0 for those never met; the result is remembered."""
        codes, placed = np.asarray(codes, dtype=np.int32), self._index.placed
        if placed != self._remembered[0] or len(self._remembered[1]) == MOST:
            self._remembered = placed, {}
        remembered, lookup = self._remembered[1], codes.tobytes()
        rows = remembered.get(lookup)
        if rows is None:
            rows = remembered[lookup] = self._index.find(_mixed(codes))
        return rows

    def _apart(self, keys: Sequence[Key]) -> list[tuple[Vocabulary, list[str]]]:
        return [(part, [key[i] for key in keys]) for i, part in enumerate(self._parts)]


def _mixed(codes: NDArray[np.int32]) -> Marks:
    """(n,) uint64, spread over all bits; two keys never meet, for no multiple of the golden ratio is that small."""
    mark = np.zeros(len(codes), dtype=np.uint64)
    for code in codes.T:
        mark = mark * GOLDEN + code.astype(np.uint64)
    mark = (mark ^ (mark >> np.uint64(32))) * GOLDEN
    return mark ^ (mark >> np.uint64(32))
