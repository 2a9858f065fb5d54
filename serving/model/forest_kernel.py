"""How trees are scored: up to 512 rows go down a tree side by side, without a branch for any of them.

The trees of a model compare with the same few values again and again: a feature has as many as it was binned by. So
each condition is first evaluated for all rows, and the results are stored, one bit for each row. The rows of a request
have their user in common: a split that sends all of them the same way is left out, and so is every node that no row
comes to. Sets of rows go down what is left of a tree: the rows at a node (its `reach`) that meet its condition go left.
At the end every leaf is added to the rows that reach it. That visits all nodes where a row alone would visit six, and
is still faster: a split is two operations for 512 rows, and the processor never mispredicts a branch. `row_blocks` has
the loops.
"""

from math import prod
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from infra.arrays import Float32s, Int64s
from serving.model import row_blocks
from serving.model.row_blocks import BLOCKS, ROWS, Conditions, Nodes

AT_ONCE = BLOCKS * ROWS
WIDEST = 1000  # features, and
LARGEST = 1 << 14  # nodes of a tree: its places are int16
LINE = 64  # bytes


class Kernel:
    """Trees as arrays, and the working memory for scoring, which one call uses at a time.

    starts   (trees + 1), the place of each tree's first split; its leaves begin as many places later as there are
             trees before it. In a tree, splits come before leaves, the root first, no node before its parent
    condition  (splits) the condition of each
    left     (splits) the place in its tree of the node on that side, and so `right`
    leaves   (leaves)
    column   (conditions) twice the feature that is looked at, and one more where missing values go right
    below    (conditions) what is smaller goes left

    Raises RuntimeError where a tree names a node, condition or feature that does not exist: `row_blocks` checks none.
    """

    def __init__(
        self, features: int, starts: Int64s, condition: Conditions, left: Nodes, right: Nodes, leaves: Float32s,
        column: Nodes, below: Float32s,
    ) -> None:  # fmt: skip
        splits = np.diff(starts)
        own = np.arange(len(condition)) - np.repeat(starts[:-1], splits)
        last = np.repeat(2 * splits, splits)
        fits = (
            starts[0] == 0 and starts[-1] == len(condition) == len(left) == len(right)
            and len(leaves) == len(condition) + len(splits) and len(column) == len(below)
            and _within(condition, 0, len(column) - 1) and _within(column, 0, 2 * features - 1)
            and _within(left, own + 1, last) and _within(right, own + 1, last)
        )  # fmt: skip
        if not fits:
            raise RuntimeError("its trees lead to nodes, conditions or features that are not there")
        self._features, self._conditions = features, (column, below)
        self._trees = starts, condition, left, right, leaves
        real, bits, nodes = np.float32, np.uint64, 2 * int(splits.max(initial=0)) + 1
        # The least and the greatest value of each lane and feature; the rows that go left whatever is compared.
        self._lanes, self._extremes = _empty(real, 2, ROWS), _empty(real, 2, 2 * features)
        self._missing = _empty(bits, 2 * features, BLOCKS)
        # The rows that a condition sends left, and where any row goes.
        self._sets, self._sides = _empty(bits, len(column), BLOCKS), _empty(np.int8, len(column))
        self._left_over = _empty(np.int64, nodes), _empty(np.int64, nodes), _empty(np.int64, nodes)
        self._values, self._reach = _empty(real, nodes), _empty(bits, nodes, BLOCKS)
        self._totals = _empty(real, AT_ONCE)
        self._one_at_a_time = Lock()

    def score(self, columns: Float32s, first: int, rows: int, sums: Float32s) -> None:
        """Write the sums of some rows, ROWS to AT_ONCE, from the first on.

        columns  (features, rows of all calls) float32, side by side in memory, NaN where a value is missing
        sums     (rows of all calls) float32
        """
        features, width = columns.shape
        if features != self._features or not ROWS <= rows <= AT_ONCE or not 0 <= first <= width - rows:
            raise IndexError(f"there are no {rows} rows from {first} on, of {self._features} features")
        end = (rows - 1) // ROWS * ROWS
        with self._one_at_a_time:
            row_blocks.look(columns, first, rows, self._lanes, self._extremes, self._missing)
            answers = self._extremes, self._missing, self._sets, self._sides
            row_blocks.ask(columns, first, rows, *self._conditions, *answers)
            room = *self._left_over, self._values, self._reach, self._totals
            row_blocks.go_down(rows, *self._trees, self._sets, self._sides, *room)
            sums[first : first + end] = self._totals[:end]
            sums[first + rows - ROWS : first + rows] = self._totals[end : end + ROWS]

    def score_one(self, row: Float32s, sums: Float32s) -> None:
        """Write the sum of a single row (features,): going down the trees costs a third of a block of rows."""
        if len(row) != self._features:
            raise IndexError(f"the row has {len(row)} features, of {self._features}")
        row_blocks.walk(row, *self._trees, *self._conditions, sums)


def _within(numbers: NDArray[Any], least: Any, greatest: Any) -> bool:
    return bool(np.all((numbers >= least) & (numbers <= greatest)))


def _empty(dtype: DTypeLike, *shape: int) -> NDArray[Any]:
    """Memory that begins where a line of the processor's cache does: a set of rows across two lines costs twice."""
    size = prod(shape) * np.dtype(dtype).itemsize
    room = np.empty(size + LINE, dtype=np.uint8)
    begin = -room.ctypes.data % LINE
    return room[begin : begin + size].view(dtype).reshape(shape)
