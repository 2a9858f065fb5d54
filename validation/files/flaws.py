"""The faults of a delivery's rows, in little memory: each of a million rows may be broken."""

import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

TOGETHER, OPEN = 500, 16  # texts that are packed together, and packs that are open at one time
ALIKE = 1_000  # reasons that are stored only once: a reason about a whole file comes with each of its rows


class Fault(NamedTuple):
    """Why a row is refused: the rule that it breaks, and a sentence for people."""

    rule: str
    reason: str


class Flaws(Mapping[int, tuple[Fault, ...]]):
    """Row number → its faults. Rows come in their order, the faults of a row in the order in which they were added."""

    def __init__(self, faults_by_row: Mapping[int, Iterable[tuple[str, str]]] | None = None) -> None:
        self._rows, self._which = array("q"), array("q")
        self._rules, self._rule_of, self._reasons = dict[str, int](), array("H"), _Texts()
        self._alike: dict[Fault, int] = {}
        self._ordered = True
        for row, faults in (faults_by_row or {}).items():
            for rule, reason in faults:
                self.add(row, rule, reason)

    def copy(self) -> "Flaws":
        """The same, to add to."""
        copy = Flaws()
        copy._rows, copy._which, copy._rule_of = self._rows[:], self._which[:], self._rule_of[:]
        copy._rules, copy._reasons = dict(self._rules), self._reasons.copy()
        copy._ordered = self._ordered
        return copy

    def add(self, row: int, rule: str, reason: str) -> None:
        """Add a fault; what cannot be printed in its reason is escaped."""
        fault = Fault(rule, printable(reason))
        place = self._alike.get(fault)
        if place is None:
            place = self._reasons.add(fault.reason)
            self._rule_of.append(self._rules.setdefault(rule, len(self._rules)))
            if len(self._alike) < ALIKE:
                self._alike[fault] = place
        self._ordered = self._ordered and (not self._rows or self._rows[-1] <= row)
        self._rows.append(row)
        self._which.append(place)

    def counts(self) -> dict[str, int]:
        """Rule → how many rows break it; in the order in which the rules were first broken."""
        rows, broken = _as_array(self._in_order()), _as_array(self._rule_of)[_as_array(self._which)]
        return {rule: len(_distinct(rows[broken == number])) for rule, number in self._rules.items()}

    def first_reasons(self) -> dict[str, str]:
        """Rule → a reason about it: the one that was noted first."""
        places = [self._rule_of.index(number) for number in self._rules.values()]
        return {rule: self._reasons[place] for rule, place in zip(self._rules, places, strict=True)}

    def rows(self) -> NDArray[np.int64]:
        """The numbers of the rows that have a fault, in order."""
        rows: NDArray[np.int64] = _as_array(self._in_order())
        return _distinct(rows)

    def __getitem__(self, row: int) -> tuple[Fault, ...]:
        rows = self._in_order()
        first = bisect_left(rows, row)
        end = bisect_right(rows, row, lo=first)
        if first == end:
            raise KeyError(row)
        rules = list(self._rules)
        return tuple(Fault(rules[self._rule_of[place]], self._reasons[place]) for place in self._which[first:end])

    def __iter__(self) -> Iterator[int]:
        return iter(self.rows().tolist())

    def __len__(self) -> int:
        return len(self.rows())

    def _in_order(self) -> "array[int]":
        """The row of each fault, after the faults were put in the order of their rows."""
        if not self._ordered:
            rows, which = _as_array(self._rows), _as_array(self._which)
            by_row = np.argsort(rows, kind="stable")
            self._rows, self._which = array("q", rows[by_row].tobytes()), array("q", which[by_row].tobytes())
            self._ordered = True
        return self._rows


def _as_array(numbers: "array[int]") -> NDArray[Any]:
    """The numbers without a copy; no number can be added while the result is in use."""
    return np.frombuffer(numbers, dtype=numbers.typecode) if numbers else np.zeros(0, dtype=numbers.typecode)


def _distinct(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The different ones of sorted numbers."""
    first: NDArray[np.bool_] = np.concatenate([np.ones(len(rows[:1]), dtype=bool), rows[1:] != rows[:-1]])
    return rows[first]


class _Texts:
    """Texts by the order in which they came, packed: a million reasons that differ in one value take 10 MiB."""

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._last: list[str] = []
        self._open: dict[int, list[str]] = {}

    def copy(self) -> "_Texts":
        """The same, to add to."""
        copy = _Texts()
        copy._packed, copy._last = self._packed[:], self._last[:]
        return copy

    def add(self, text: str) -> int:
        """Add a text without line ends; returns its place."""
        self._last.append(text)
        if len(self._last) == TOGETHER:
            self._packed.append(zlib.compress("\n".join(self._last).encode(), 1))
            self._last = []
        return len(self._packed) * TOGETHER + len(self._last) - 1

    def __getitem__(self, place: int) -> str:
        block, at = divmod(place, TOGETHER)
        if block == len(self._packed):
            return self._last[at]
        if block not in self._open:
            if len(self._open) == OPEN:
                del self._open[next(iter(self._open))]
            self._open[block] = zlib.decompress(self._packed[block]).decode().split("\n")
        return self._open[block][at]


def printable(text: str) -> str:
    """The same text with every character that cannot be printed written as an escape."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
