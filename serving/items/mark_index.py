"""Which row a mark has: a hash table in mapped arrays, filled by one process and read by all."""

import numpy as np
from numpy.typing import NDArray

from infra.arrays import Int64s
from infra.loops import loop
from infra.marks import Marks
from serving.items.shared_arrays import SharedArrays

Codes = NDArray[np.int32]
ROWS, SLOTS, PLACED = 0, 1, 2
SMALLEST = 1024


class MarkIndex:
    """Marks and their rows, counted from 1; row 0 is for every unknown mark.

    Open addressing, at most half full. The table of 2^k slots is in slots 2^k to 2^(k+1): a larger one is made beside
    the one that is read meanwhile. A row is written before the slot that leads to it, so that no lock is needed, and a
    writer that dies between the two has lost one row and nothing else.
    """

    def __init__(self, arrays: SharedArrays, name: str, capacity: int) -> None:
        largest = 1 << max(2 * capacity - 1, SMALLEST).bit_length()
        self._marks = arrays.open(f"{name}.marks", np.uint64, capacity)
        self._slots = arrays.open(f"{name}.slots", np.int32, 2 * largest)
        self._head = arrays.open(f"{name}.head", np.int64, 3)

    def __len__(self) -> int:
        """Rows so far, row 0 included."""
        return self._head.values.item(ROWS) or 1

    @property
    def placed(self) -> int:
        """How many rows can be found: while that stays, so does everything that `find` says."""
        return int(self._head.values[PLACED])

    def marks(self, rows: Codes) -> Marks:
        """The mark of each row, 0 for row 0."""
        return self._marks.values.take(rows)

    def find(self, marks: Marks) -> Codes:
        """The row of each mark, 0 for those never met."""
        rows = np.zeros(len(marks), dtype=np.int32)
        size = int(self._head.values[SLOTS])
        if not size:
            return rows
        _find(marks, self._slots.values, self._marks.values, size, rows)
        return rows

    def add(self, marks: Marks) -> Codes:
        """Rows for distinct marks never met, in their order; fewer than marks when there is no more room."""
        first = len(self)
        last = min(self._marks.reserve(first + len(marks)), self._room(first + len(marks)))
        rows = np.arange(first, last, dtype=np.int32)
        marks = marks[: len(rows)]
        if len(rows):
            self._marks.values[first:last] = marks
            self._head.values[ROWS] = last
            self._place(marks, rows, int(self._head.values[SLOTS]))
            self._head.values[PLACED] = last
        return rows

    def _room(self, rows: int) -> int:
        """Make the table large enough for so many rows; says for how many it is."""
        size = int(self._head.values[SLOTS])
        needed = max(size, SMALLEST)
        while needed < 2 * rows:
            needed *= 2
        if needed > size and self._slots.reserve(2 * needed) == 2 * needed:
            self._slots.values[needed : 2 * needed] = 0  # a writer that died may have left half a table there
            placed = np.arange(1, len(self), dtype=np.int32)
            self._place(self._marks.values[placed], placed, needed)
            self._head.values[SLOTS] = size = needed
        return size // 2

    def _place(self, marks: Marks, rows: Codes, size: int) -> None:
        slots, place = self._slots.values, _home(marks, size)
        while len(rows):
            free = slots[place] == 0
            slots[place[free]] = rows[free]
            on = slots[place] != rows  # taken before, or by another of these
            place, rows = _next(place[on], size), rows[on]


@loop("int64(read(uint64[:]), read(int32[:]), read(uint64[:]), int64, int32[:])")
def _find(marks: Marks, slots: Codes, mark_of: Marks, size: int, rows: Codes) -> int:
    for i in range(len(marks)):
        place = np.int64(marks[i] & np.uint64(size - 1))
        row = slots[size + place]
        while row != 0 and mark_of[row] != marks[i]:
            place = (place + 1) & (size - 1)
            row = slots[size + place]
        rows[i] = row
    return len(marks)


def _home(marks: Marks, size: int) -> Int64s:
    return (marks & np.uint64(size - 1)).astype(np.int64) + size


def _next(place: Int64s, size: int) -> Int64s:
    return (place + 1 & size - 1) + size
