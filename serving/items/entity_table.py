"""States of entities as rows of words in one mapped array: one writer, many readers, and no reader sees half a row."""

import time

import numpy as np
from numpy.typing import NDArray

from infra.arrays import Bools
from infra.loops import loop
from serving.items.mark_index import Codes
from serving.items.shared_arrays import SharedArrays

RowWords = NDArray[np.uint32]
WRITING = 1 << 8
KNOWN, BUSY, GENERATION = np.uint32(1), np.uint32(WRITING), np.uint32(1 << 16)
STATE = 0  # the word of a row that says whether it is known, whether it is being written, and how often it was
ALL = slice(None)
BATCH = 256  # rows written together: some 10 µs in which they cannot be read
ATTEMPTS = 10  # with pauses that grow: 0.45 ms in all, many times what a batch takes


class EntityTable:
    """Rows of 4-byte words, all zero for an entity that nothing is known of. Row 0 is never written.

    A row's first word changes before and after the row is written (each row is a seqlock): a reader compares it before
    and after, and reads again when it changed. A row that stays unreadable, as when its writer died, counts as one that
    nothing is known of; the next writer writes it again. Loads and stores must keep their order: `SharedArrays` refuses
    processors on which they do not.
    """

    def __init__(self, arrays: SharedArrays, name: str, capacity: int, width: int) -> None:
        self._array = arrays.open(f"{name}.rows", np.uint32, capacity, width)
        self._rows: RowWords = self._array.values
        self._state: RowWords = self._rows[:, STATE]

    @property
    def known(self) -> NDArray[np.bool_]:
        """(capacity,) whether each entity is described, as things stand: a view, not a copy."""
        view: NDArray[np.bool_] = self._rows.view(np.uint8)[:, 0].view(np.bool_)
        return view

    def column(self, word: int) -> RowWords:
        """(capacity,) one word of every row: a view, not a copy."""
        return self._rows[:, word]

    def gather(self, rows: Codes, words: slice = ALL) -> RowWords:
        """(n, words) a copy of some rows, each as it was at one moment."""
        before, torn = np.empty(len(rows), dtype=np.uint32), np.empty(len(rows), dtype=np.bool_)
        for attempt in range(ATTEMPTS):
            _look(self._state, rows, before)
            copy = self._rows.take(rows, axis=0)[:, words]
            if not _changed(self._state, rows, before, torn):
                return copy
            time.sleep(attempt * 1e-5)
        copy[torn] = 0
        return copy

    def write(self, codes: Codes, words: slice, values: RowWords, known: NDArray[np.bool_] | None = None) -> Codes:
        """Set some words of some rows, and whether they are known unless that stays; says which there was room for."""
        room = self._array.reserve(int(codes.max(initial=0)) + 1)
        fits = (codes > 0) & (codes < room)
        codes, values = codes[fits], values[fits]
        known = None if known is None else known[fits]
        for start in range(0, len(codes), BATCH):
            some = slice(start, start + BATCH)
            rows, state = codes[some], self._state[codes[some]]
            after = (state & ~BUSY) + GENERATION
            if known is not None:
                after = after & ~KNOWN | known[some]
            self._state[rows] = state | BUSY
            self._rows[rows, words] = values[some]
            self._state[rows] = after
        return codes


@loop("int64(read(uint32[:]), read(int32[:]), uint32[:])")
def _look(states: RowWords, rows: Codes, before: RowWords) -> int:
    for i in range(len(rows)):
        before[i] = states[rows[i]]
    return len(rows)


@loop("int64(read(uint32[:]), read(int32[:]), read(uint32[:]), boolean[:])")
def _changed(states: RowWords, rows: Codes, before: RowWords, torn: Bools) -> int:
    """Mark the rows that were being written before, or were written since; returns how many."""
    count = 0
    for i in range(len(rows)):
        torn[i] = before[i] != states[rows[i]] or before[i] & WRITING != 0
        count += int(torn[i])
    return count
