"""What is wrong with which rows of a delivery, held small: each of a million rows may be broken."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ALIKE = 1_000  # reasons remembered to be told once: those about a whole file come with each of its rows


class Fault(NamedTuple):
    """Why a row could not be taken as it is: the rule that it breaks, and the sentence people read."""

    rule: str
    reason: str


class Flaws(Mapping[int, tuple[Fault, ...]]):
    """Row number → its faults. Rows come in their order, the faults of a row in the order in which they were added."""

    def __init__(self, known: Mapping[int, Iterable[tuple[str, str]]] | None = None) -> None:
        self._rows, self._which = array("q"), array("q")
        self._faults: list[Fault] = []
        self._alike: dict[Fault, int] = {}
        self._ordered = True
        if isinstance(known, Flaws):
            self._rows, self._which, self._faults = known._rows[:], known._which[:], known._faults[:]
            self._ordered = known._ordered
        else:
            for row, faults in (known or {}).items():
                for rule, reason in faults:
                    self.add(row, rule, reason)

    def add(self, row: int, rule: str, reason: str) -> None:
        """Note a fault; its reason is made fit for a file and a screen."""
        fault = Fault(rule, printable(reason))
        place = self._alike.get(fault)
        if place is None:
            place = len(self._faults)
            self._faults.append(fault)
            if len(self._alike) < ALIKE:
                self._alike[fault] = place
        self._ordered = self._ordered and (not self._rows or self._rows[-1] <= row)
        self._rows.append(row)
        self._which.append(place)

    def rows(self) -> NDArray[np.int64]:
        """The numbers of the rows that have a fault, in order."""
        return np.unique(np.array(self._in_order(), dtype=np.int64))

    def __getitem__(self, row: int) -> tuple[Fault, ...]:
        rows = self._in_order()
        first = bisect_left(rows, row)
        end = bisect_right(rows, row, lo=first)
        if first == end:
            raise KeyError(row)
        return tuple(self._faults[place] for place in self._which[first:end])

    def __iter__(self) -> Iterator[int]:
        return iter(self.rows().tolist())

    def __len__(self) -> int:
        return len(self.rows())

    def _in_order(self) -> "array[int]":
        """The row of each fault, after the faults were put in the order of their rows."""
        if not self._ordered:
            rows, which = np.array(self._rows, dtype=np.int64), np.array(self._which, dtype=np.int64)
            by_row = np.argsort(rows, kind="stable")
            self._rows, self._which = array("q", rows[by_row].tobytes()), array("q", which[by_row].tobytes())
            self._ordered = True
        return self._rows


def printable(text: str) -> str:
    """The same text with everything that no screen shows, or no file can hold, written as an escape."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
