"""Rows of items by group, each group in an order of its own, side by side in one array."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.arrays import AnyArray
from infra.loops import loop
from serving.items.mark_index import Codes

NONE: Codes = np.zeros(0, dtype=np.int32)
FEW = 4096  # changed rows for which the large part is not made anew, whatever its size
LATEST = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class GroupedRows:
    """The rows of group g are `rows[starts[g]:starts[g + 1]]`, and after them those of `behind`."""

    rows: Codes
    starts: NDArray[np.int64]
    behind: "GroupedRows | None" = None

    def first(self, groups: Codes, each: int) -> Codes:
        """The first row of each group, then the second of each…, at most `each` of one group."""
        first, count = np.empty(2 * each * len(groups), dtype=np.int32), 0
        part: GroupedRows | None = self
        while part is not None:
            count = _first(part.rows, part.starts, groups, each, first, count)
            part = part.behind
        return first[:count]


@loop("int64(read(int32[:]), read(int64[:]), read(int32[:]), int64, int32[:], int64)")
def _first(rows: Codes, starts: NDArray[np.int64], groups: Codes, each: int, first: Codes, count: int) -> int:
    for turn in range(each):
        for i in range(len(groups)):
            group = groups[i]
            if group + 1 < len(starts) and starts[group] + turn < starts[group + 1]:
                first[count] = rows[starts[group] + turn]
                count += 1
    return count


EMPTY = GroupedRows(NONE, np.zeros(1, dtype=np.int64))


def best_of_each_group(rows: Codes, groups: Codes, worth: AnyArray, each: int) -> GroupedRows:
    """The `each` rows of most worth in each group, best first; for thousands of groups, not millions."""
    size = int(groups.max(initial=0)) + 1
    order = np.argsort(groups.astype(np.uint16) if size <= 1 << 16 else groups, kind="stable")
    counts = np.bincount(groups, minlength=size)
    parts = [
        _most(part, worth, each) for part in np.split(order, np.cumsum(counts)[:-1])[1:]  # group 0 is unknown
    ]  # fmt: skip
    return GroupedRows(rows[np.concatenate([NONE, *parts])], _starts(np.array([0, *map(len, parts)])))


def places_of_largest(worth: AnyArray, count: int) -> NDArray[np.intp]:
    """Places of the `count` largest, largest first."""
    if len(worth) <= max(count, FEW):
        return (-worth).argsort(kind="stable")[:count]
    places = np.argpartition(-worth, count - 1)[:count]
    return places[np.argsort(-worth[places], kind="stable")]


def _most(part: NDArray[np.intp], worth: AnyArray, each: int) -> NDArray[np.intp]:
    return part[places_of_largest(worth[part], each)]


class Newest:
    """Rows of any number of groups, newest first, brought up to date at a cost that follows what has changed.

    New and newly allowed rows come in a small part before the large one, which is made anew when they have become a
    sixteenth of it, or when a row has changed its group. Rows no longer allowed stay until then: they are refused where
    they are shown.
    """

    def __init__(self) -> None:
        self._groups, self._large = NONE, EMPTY

    def updated(self, rows: Codes, groups: Codes, born: AnyArray, size: int) -> GroupedRows:
        """The rows by group as of now.

        rows    allowed ones, ascending
        groups  (rows,) the group of each, 0 unknown
        born    (rows,) seconds since the epoch, NaN unknown
        size    one more than the highest row there is
        """
        before = self._groups
        now = np.zeros(size := max(size, len(before)), dtype=np.int32)
        now[rows] = groups
        changed = now[: len(before)] != before
        moved = (changed & (before > 0) & (now[: len(before)] > 0)).any()
        late = np.concatenate([np.flatnonzero(changed), np.arange(len(before), size)])
        late = late[now[late] > 0]
        if moved or len(late) > max(FEW, size >> 4):
            self._groups, self._large = now, _newest(rows, groups, born)
            return self._large
        small = _newest(late.astype(np.int32), now[late], born[np.searchsorted(rows, late)])
        return GroupedRows(small.rows, small.starts, self._large)


def _newest(rows: Codes, groups: Codes, born: AnyArray) -> GroupedRows:
    age = (LATEST - np.clip(np.nan_to_num(born, nan=0.0), 0, LATEST)).astype(np.int64)
    order = np.argsort(groups.astype(np.int64) << 32 | age)
    order = order[np.count_nonzero(groups == 0) :]
    counts = np.bincount(groups[order], minlength=1)
    return GroupedRows(rows[order], _starts(counts))


def _starts(counts: NDArray[Any]) -> NDArray[np.int64]:
    """Where each group begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
