"""Machine code that scores trees, made once a process: up to 512 rows go down a tree side by side, none by a branch.

The trees of a model ask the same few conditions again and again: a feature has as many as it was binned by. So each
condition is asked first, of all rows, and what they say is kept, a bit a row. The rows of a request have their user in
common: a split that sends all of them the same way is gone, and so is what nobody comes to. Down what is left of a tree
go sets of rows: who comes to a node (its `reach`) and says yes goes left. At the end every leaf is added to the rows
that reach it. That visits all nodes where a row alone would visit six, and is still faster: a split is two operations
for 512 rows, and no way is ever guessed wrongly. The same code runs on every processor that LLVM knows, as wide as it
is.
"""

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from llvmlite import ir

from feature_repo import machine
from feature_repo.loop_values import DATA

ROWS = 64  # a block
BLOCKS = 8
AT_ONCE = BLOCKS * ROWS
LEFT, RIGHT = 1, 2
WIDEST = 1000  # features, and
LARGEST = 1 << 14  # nodes of a tree: 1.6 MiB of the stack together
INFINITE = float("inf")
Run = Callable[..., None]

_REAL, _BYTE, _SHORT, _INT, _LONG = ir.FloatType(), ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64)
_BLOCK, _BITS = ir.VectorType(_REAL, ROWS), ir.VectorType(ir.IntType(1), ROWS)
_SET = _LONG  # a block's rows, a bit each
_SETS = ir.VectorType(_SET, BLOCKS)
_POINTERS = (_LONG, _INT, _SHORT, _SHORT, _REAL, _SHORT, _REAL, _SETS, _BYTE)


@cache
def compiled() -> Run:
    """The function below; `given` and `sums` are arrays as Python has them, the other arrays addresses.

    score(rows, apart, features, trees, nodes, conditions, given,
          starts, asked, left, right, leaves, column, below, sets, sides, sums)

    rows    how many are scored: ROWS to AT_ONCE
    given   float32, a column a feature, `apart` numbers from one to the next, NaN where a value is missing; at most
            WIDEST features
    starts  (trees + 1) int64, the place of each tree's first split; its leaves begin as many places later as there are
            trees before it. In a tree, splits come before leaves, the root first, no node before its parent
    asked   (splits) int32, the condition of each
    left    (splits) int16, the place in its tree of the node on that side, and so `right`
    leaves  (leaves) float32
    column  (conditions) int16, twice the feature that is looked at, and one more where missing values go right
    below   (conditions) float32, what is smaller goes left
    sets    (conditions, BLOCKS) uint64, aligned to their size, and `sides` (conditions) int8: room
    sums    (rows) float32: written

    Numbers are int64. `nodes` is how many the largest tree has, at most LARGEST. Raises RuntimeError where no machine
    code can be made.
    """
    engine = machine.linked(_module())
    # Python's lock is kept: given away for half a millisecond, it comes back later than that.
    pointers = [ctypes.c_void_p] * len(_POINTERS)
    kind = ctypes.PYFUNCTYPE(None, *[ctypes.c_int64] * 6, ctypes.py_object, *pointers, ctypes.py_object)
    run: Any = kind(engine.get_function_address("score"))
    run.engine = engine  # owns the code
    return run  # type: ignore[no-any-return]


def _module() -> ir.Module:
    module = ir.Module("forest")
    objects = _BYTE.as_pointer()
    pointers = [objects, *(kind.as_pointer() for kind in _POINTERS), objects]
    score = ir.Function(module, ir.FunctionType(ir.VoidType(), [_LONG] * 6 + pointers), "score")
    for argument in score.args[6:]:
        argument.add_attribute("noalias")
    code = _Code(score.append_basic_block())
    rows, apart, features, trees, nodes, count, given, starts, *forest, column, below, sets, sides, sums = score.args
    given, sums = code.data(given), code.data(sums)
    blocks = code.udiv(code.add(rows, _long(ROWS - 1)), _long(ROWS))
    totals, begins = code.alloca(_BLOCK, blocks), code.alloca(_LONG, blocks)
    with code.loop(blocks) as block:
        code.put(ir.Constant(_BLOCK, [0.0] * ROWS), totals, block)
        # The last block ends with the last row: some of its rows may be scored twice, with the same outcome.
        code.put(code.smaller(code.mul(block, _long(ROWS)), code.sub(rows, _long(ROWS))), begins, block)
    columns = _Columns(code, features, given, apart, begins, blocks)
    with code.loop(features) as feature:
        columns.look(feature)
    with code.loop(count) as condition:
        looked_at = code.sext(code.at(column, condition), _LONG)
        says = columns.ask(looked_at, code.at(below, condition), code.gep(sets, [condition]))
        code.put(says, sides, condition)
    pruned, reach = _Pruned(code, nodes), code.alloca(_SETS, nodes)
    code.store(ir.Constant(_SETS, [-1] * BLOCKS), reach)
    reached = code.bitcast(reach, _SET.as_pointer())
    with code.loop(trees) as tree:
        start = code.at(starts, tree)
        splits = code.sub(code.at(starts, code.add(tree, _long(1))), start)
        kept, leaves = pruned.make(code, tree, start, splits, forest, sides)
        with code.loop(kept) as split:
            here, yes = code.at(reach, code.at(pruned.node, split)), code.at(sets, code.at(pruned.condition, split))
            code.put(code.and_(here, yes), reach, code.add(code.mul(split, _long(2)), _long(1)))
            code.put(code.and_(here, code.not_(yes)), reach, code.add(code.mul(split, _long(2)), _long(2)))
        with code.loop(blocks) as block, code.loop(leaves) as leaf:
            place = code.add(code.mul(code.at(pruned.leaf, leaf), _long(BLOCKS)), block)
            who, so_far = code.bitcast(code.at(reached, place), _BITS), code.at(totals, block)
            more = code.fadd(so_far, code.everywhere(code.at(pruned.value, leaf)))
            code.put(code.select(who, more, so_far), totals, block)
    with code.loop(blocks) as block:
        room = code.bitcast(code.gep(sums, [code.at(begins, block)]), _BLOCK.as_pointer())
        code.store(code.at(totals, block), room, align=4)
    code.ret_void()
    return module


class _Columns:
    """What is known of the columns before any tree is: each stands here twice.

    Where missing values go left they are less than everything, in the other one more. Of each the lowest and the
    highest value are kept, and the rows that go left whatever is compared.
    """

    def __init__(self, code: "_Code", features: Any, given: Any, apart: Any, begins: Any, blocks: Any) -> None:
        width = code.mul(features, _long(2))
        self._code, self._given, self._apart, self._begins, self._blocks = code, given, apart, begins, blocks
        self._lowest, self._highest = code.alloca(_REAL, width), code.alloca(_REAL, width)
        self._missing = code.alloca(_SET, code.mul(width, blocks))

    def look(self, feature: Any) -> None:
        """Look at a feature's."""
        code = self._code
        left = code.mul(feature, _long(2))
        right = code.add(left, _long(1))
        low, high, unknown = code.variable(_BLOCK), code.variable(_BLOCK), code.variable(_SET)
        for found, first in ((low, [INFINITE] * ROWS), (high, [-INFINITE] * ROWS), (unknown, 0)):
            code.store(ir.Constant(found.type.pointee, first), found)
        with code.loop(self._blocks) as block:
            some = self._values(feature, block)
            for found, sign in ((low, "<"), (high, ">")):
                so_far = code.load(found)
                code.store(code.select(code.fcmp_ordered(sign, some, so_far), some, so_far), found)
            missing = code.bitcast(code.fcmp_unordered("uno", some, some), _SET)
            code.store(code.or_(code.load(unknown), missing), unknown)
            for column, goes_left in ((left, missing), (right, ir.Constant(_SET, 0))):
                code.put(goes_left, self._missing, code.add(code.mul(column, self._blocks), block))
        all_known = code.icmp_unsigned("==", code.load(unknown), ir.Constant(_SET, 0))
        lowest, highest = self._across("fmin", low), self._across("fmax", high)
        code.put(code.select(all_known, lowest, ir.Constant(_REAL, -INFINITE)), self._lowest, left)
        code.put(highest, self._highest, left)
        code.put(lowest, self._lowest, right)
        code.put(code.select(all_known, highest, ir.Constant(_REAL, INFINITE)), self._highest, right)

    def ask(self, column: Any, below: Any, sets: Any) -> Any:
        """Which sides rows go to, LEFT, RIGHT or both; if both, the rows that go left are written, a set a block."""
        code = self._code
        some_left = code.fcmp_ordered("<", code.at(self._lowest, column), below)
        some_right = code.fcmp_ordered(">=", code.at(self._highest, column), below)
        with code.if_then(code.and_(some_left, some_right)):
            each = code.bitcast(sets, _SET.as_pointer())
            with code.loop(self._blocks) as block:
                values = self._values(code.lshr(column, _long(1)), block)
                smaller = code.bitcast(code.fcmp_ordered("<", values, code.everywhere(below)), _SET)
                missing = code.at(self._missing, code.add(code.mul(column, self._blocks), block))
                code.put(code.or_(smaller, missing), each, block)
        sides = [code.select(some, _byte(side), _byte(0)) for some, side in ((some_left, LEFT), (some_right, RIGHT))]
        return code.or_(*sides)

    def _values(self, feature: Any, block: Any) -> Any:
        """What a block's rows have of a feature."""
        code = self._code
        first = code.add(code.mul(feature, self._apart), code.at(self._begins, block))
        return code.load(code.bitcast(code.gep(self._given, [first]), _BLOCK.as_pointer()), align=4)

    def _across(self, name: str, values: Any) -> Any:
        """The least or the greatest of a block's numbers."""
        kind, code = ir.FunctionType(_REAL, [_BLOCK]), self._code
        across = ir.Function(code.module, kind, f"llvm.vector.reduce.{name}.v{ROWS}f32")
        return code.call(across, [code.load(values)], fastmath=("nnan",))


class _Pruned:
    """Room for what is left of a tree where all rows go the same way at some of its splits.

    Node 0 is the root, and split i leads to nodes 2 i + 1 and 2 i + 2.

    condition, node    (splits) what is asked there, and the node that is split
    leaf, value        (leaves) the node, and what it adds
    """

    def __init__(self, code: "_Code", nodes: Any) -> None:
        self.condition, self.node, self.leaf, self._place = (code.alloca(_LONG, nodes) for _ in range(4))
        self.value = code.alloca(_REAL, nodes)

    def make(
        self, code: "_Code", tree: Any, start: Any, splits: Any, forest: Sequence[Any], sides: Any
    ) -> tuple[Any, Any]:
        """Prune a tree; returns how many splits and leaves are left of it."""
        asked, left, right, leaves = forest
        none, zero, one, two = _long(-1), _long(0), _long(1), _long(2)
        kept, left_over = code.variable(_LONG), code.variable(_LONG)
        code.store(zero, kept)
        code.store(zero, left_over)
        code.store(zero, self._place)
        with code.loop(splits) as number:
            split = code.add(start, number)
            condition, place = code.sext(code.at(asked, split), _LONG), code.at(self._place, number)
            count = code.load(kept)
            some = code.select(code.icmp_signed(">=", place, zero), code.at(sides, condition), _byte(0))
            both = code.icmp_unsigned("==", some, _byte(LEFT + RIGHT))
            code.put(condition, self.condition, count)  # overwritten by the next one unless it counts
            code.put(place, self.node, count)
            for nodes, side, own in ((left, LEFT, one), (right, RIGHT, two)):
                new = code.select(both, code.add(code.mul(count, two), own), place)
                goes = code.icmp_unsigned("!=", code.and_(some, _byte(side)), _byte(0))
                code.put(code.select(goes, new, none), self._place, code.sext(code.at(nodes, split), _LONG))
            code.store(code.add(count, code.zext(both, _LONG)), kept)
        with code.loop(code.add(splits, one)) as number:
            place, count = code.at(self._place, code.add(splits, number)), code.load(left_over)
            code.put(place, self.leaf, count)
            code.put(code.at(leaves, code.add(code.add(start, tree), number)), self.value, count)
            reached = code.icmp_signed(">=", place, zero)
            code.store(code.add(count, code.zext(reached, _LONG)), left_over)
        return code.load(kept), code.load(left_over)


class _Code(ir.IRBuilder):  # type: ignore[misc]
    """LLVM's instructions, with the few that are put together here."""

    @contextmanager
    def loop(self, count: Any) -> Iterator[Any]:
        """What is built inside runs `count` times, with numbers from 0."""
        before, head = self.block, self.append_basic_block()
        body, after = self.append_basic_block(), self.append_basic_block()
        self.branch(head)
        self.position_at_end(head)
        number = self.phi(_LONG)
        number.add_incoming(_long(0), before)
        self.cbranch(self.icmp_unsigned("<", number, count), body, after)
        self.position_at_end(body)
        yield number
        number.add_incoming(self.add(number, _long(1)), self.block)
        self.branch(head)
        self.position_at_end(after)

    def data(self, array: Any) -> Any:
        """The numbers of an array that was handed over as Python has it."""
        place = self.bitcast(self.gep(array, [_long(DATA)]), _REAL.as_pointer().as_pointer())
        return self.load(place)

    def smaller(self, one: Any, other: Any) -> Any:
        """The smaller of two numbers."""
        return self.select(self.icmp_unsigned("<", one, other), one, other)

    def variable(self, kind: Any) -> Any:
        """Room for one value, the same in every turn of a loop."""
        with self.goto_entry_block():
            return self.alloca(kind)

    def at(self, array: Any, place: Any) -> Any:
        """The element of an array at a place."""
        return self.load(self.gep(array, [place]))

    def put(self, value: Any, array: Any, place: Any) -> None:
        """Write an element of an array."""
        self.store(value, self.gep(array, [place]))

    def everywhere(self, value: Any) -> Any:
        """A value as that of all rows of a block."""
        nothing = ir.Constant(_BLOCK, ir.Undefined)
        one = self.insert_element(nothing, value, _long(0))
        return self.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(ir.IntType(32), ROWS), [0] * ROWS))


def _long(value: int) -> Any:
    return ir.Constant(_LONG, value)


def _byte(value: int) -> Any:
    return ir.Constant(_BYTE, value)
