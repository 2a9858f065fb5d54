"""Sets of rows for numba: the three loops that score trees, as `forest_kernel` describes.

For an operation on a block of 64 rows, whose set is one word, numba would compile a loop over rows. So those operations
(`_less` to `_add`) are written as vector instructions of LLVM. No index is checked where it is
used, which would cost an eighth of the time: `forest_kernel` checks the model when it is loaded, the rows at each call.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from infra.arrays import Float32s, Int64s
from infra.loops import loop
from infra.stand_ins import without

with without("scipy"):  # numba looks for it, for linear algebra: 26 MiB
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic
    from numba.np import arraymath  # noqa: F401  at its import, else at the first loop that is compiled

ROWS = 64  # a block
BLOCKS = 8  # scored together: a set of rows fills one line of the processor's cache
LEFT, RIGHT = 1, 2
ALL_ROWS = np.uint64(2**64 - 1)
INFINITE = float("inf")
At = np.uint64  # an index: without a sign, so that numba does not ask whether it counts from the end
Sets = NDArray[np.uint64]
Conditions = NDArray[np.int32]
Nodes = NDArray[np.int16]
Sides = NDArray[np.int8]

_REAL, _LONG, _PLACE = ir.FloatType(), ir.IntType(64), ir.IntType(32)
_BLOCK, _BITS, _SETS = ir.VectorType(_REAL, ROWS), ir.VectorType(ir.IntType(1), ROWS), ir.VectorType(_LONG, BLOCKS)
Build = Callable[..., Any]


def _operation(result: Any, build: Build, *parameters: Any) -> tuple[Any, Build]:
    """What numba asks of an intrinsic: its types, and a function that writes its code and gets arrays as addresses."""

    def written(context: Any, code: Any, signature: Any, values: Any) -> Any:
        kinds = zip(signature.args, values, strict=True)
        return build(code, *(
            context.make_array(kind)(context, code, value).data if isinstance(kind, types.Array) else value
            for kind, value in kinds
        ))  # fmt: skip

    return result(*parameters), written


def _at(code: Any, data: Any, place: Any, kind: Any) -> Any:
    """The address of what begins at an element of an array."""
    return code.bitcast(code.gep(data, [place]), kind.as_pointer())


def _everywhere(code: Any, value: Any) -> Any:
    """A value as that of all rows of a block."""
    nothing = ir.Constant(_BLOCK, ir.Undefined)
    one = code.insert_element(nothing, value, _PLACE(0))
    return code.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(_PLACE, ROWS), [0] * ROWS))


@intrinsic
def _less(context, values, place, below):  # type: ignore[no-untyped-def]
    """The set of those of a block's values, from a place on, that are less."""

    def build(code: Any, values: Any, place: Any, below: Any) -> Any:
        some = code.load(_at(code, values, place, _BLOCK), align=4)
        return code.bitcast(code.fcmp_ordered("<", some, _everywhere(code, below)), _LONG)

    return _operation(types.uint64, build, values, types.int64, types.float32)


@intrinsic
def _unknown(context, values, place):  # type: ignore[no-untyped-def]
    """The set of those of a block's values, from a place on, that are NaN."""

    def build(code: Any, values: Any, place: Any) -> Any:
        some = code.load(_at(code, values, place, _BLOCK), align=4)
        return code.bitcast(code.fcmp_unordered("uno", some, some), _LONG)

    return _operation(types.uint64, build, values, types.int64)


@intrinsic
def _widen(context, extremes, values, place):  # type: ignore[no-untyped-def]
    """Note the least and the greatest of each lane of a block, from a place on; NaN is neither."""

    def build(code: Any, extremes: Any, values: Any, place: Any) -> Any:
        some = code.load(_at(code, values, place, _BLOCK), align=4)
        for first, sign in ((0, "<"), (ROWS, ">")):
            room = _at(code, extremes, _LONG(first), _BLOCK)
            so_far = code.load(room, align=4)
            code.store(code.select(code.fcmp_ordered(sign, some, so_far), some, so_far), room, align=4)
        return ir.Constant(_LONG, 0)

    return _operation(types.int64, build, extremes, values, types.int64)


def _across(name: str, first: int) -> Build:
    """The least or the greatest of the lanes."""

    def build(code: Any, extremes: Any) -> Any:
        kind = ir.FunctionType(_REAL, [_BLOCK])
        across = cgutils.get_or_insert_function(code.module, kind, f"llvm.vector.reduce.{name}.v{ROWS}f32")
        lanes = code.load(_at(code, extremes, _LONG(first), _BLOCK), align=4)
        return code.call(across, [lanes], fastmath=("nnan",))

    return build


@intrinsic
def _least(context, extremes):  # type: ignore[no-untyped-def]
    """The least of what `_widen` noted."""
    return _operation(types.float32, _across("fmin", 0), extremes)


@intrinsic
def _greatest(context, extremes):  # type: ignore[no-untyped-def]
    """The greatest of what `_widen` noted."""
    return _operation(types.float32, _across("fmax", ROWS), extremes)


@intrinsic
def _split(context, reach, node, sets, condition, left):  # type: ignore[no-untyped-def]
    """The rows at a node that are in the condition's sets come to node `left`, the others to the one after it."""

    def build(code: Any, reach: Any, node: Any, sets: Any, condition: Any, left: Any) -> Any:
        each = _LONG(BLOCKS)
        here = code.load(_at(code, reach, code.mul(node, each), _SETS), align=8)
        yes = code.load(_at(code, sets, code.mul(condition, each), _SETS), align=8)
        room = code.mul(left, each)
        code.store(code.and_(here, yes), _at(code, reach, room, _SETS), align=8)
        code.store(code.and_(here, code.not_(yes)), _at(code, reach, code.add(room, each), _SETS), align=8)
        return ir.Constant(_LONG, 0)

    return _operation(types.int64, build, reach, types.int64, sets, types.int64, types.int64)


@intrinsic
def _add(context, sums, block, reach, nodes, values, count):  # type: ignore[no-untyped-def]
    """Add each of some values to a block's sums of the rows that reach its node; the sums stay in registers."""

    def build(code: Any, sums: Any, block: Any, reach: Any, nodes: Any, values: Any, count: Any) -> Any:
        room = _at(code, sums, code.mul(block, _LONG(ROWS)), _BLOCK)
        total = cgutils.alloca_once_value(code, code.load(room, align=4))
        with cgutils.for_range(code, count) as turn:
            node = code.load(code.gep(nodes, [turn.index]))
            rows = code.load(code.gep(reach, [code.add(code.mul(node, _LONG(BLOCKS)), block)]))
            so_far = code.load(total)
            more = code.fadd(so_far, _everywhere(code, code.load(code.gep(values, [turn.index]))))
            code.store(code.select(code.bitcast(rows, _BITS), more, so_far), total)
        code.store(code.load(total), room, align=4)
        return ir.Constant(_LONG, 0)

    return _operation(types.int64, build, sums, types.int64, reach, nodes, values, types.int64)


@loop("int64(read(float32[:, ::1]), int64, int64, float32[:, ::1], float32[:, ::1], uint64[:, ::1])", boundscheck=False)
def look(columns: Float32s, first: int, rows: int, lanes: Float32s, extremes: Float32s, missing: Sets) -> int:
    """Note of every feature the least and the greatest value, and the rows that go left for any condition.

    Each feature has two entries: in the first missing values go left and count as less than all others, in the second
    they go right and count as more.
    """
    width = columns.shape[1]
    last = first + rows - ROWS  # the last block ends with the last row: some rows may be scored twice, alike
    for feature in range(len(columns)):
        lanes[0, :] = INFINITE
        lanes[1, :] = -INFINITE
        some_unknown = False
        for block in range((rows + ROWS - 1) // ROWS):
            place = feature * width + min(first + block * ROWS, last)
            _widen(lanes, columns, place)
            missing[2 * feature, block] = _unknown(columns, place)
            missing[2 * feature + 1, block] = 0
            some_unknown = some_unknown or missing[2 * feature, block] != 0
        least, greatest = _least(lanes), _greatest(lanes)
        extremes[0, 2 * feature] = -INFINITE if some_unknown else least
        extremes[1, 2 * feature] = greatest
        extremes[0, 2 * feature + 1] = least
        extremes[1, 2 * feature + 1] = INFINITE if some_unknown else greatest
    return rows


@loop(
    "int64(read(float32[:, ::1]), int64, int64, read(int16[::1]), read(float32[::1]), read(float32[:, ::1]), "
    "read(uint64[:, ::1]), uint64[:, ::1], int8[::1])",
    boundscheck=False,
)
def ask(
    columns: Float32s, first: int, rows: int, column: Nodes, below: Float32s, extremes: Float32s, missing: Sets,
    sets: Sets, sides: Sides,
) -> int:  # fmt: skip
    """Evaluate every condition: the sides that rows go to, LEFT, RIGHT or both; if both, also which rows go left."""
    width = columns.shape[1]
    last = first + rows - ROWS
    for condition in range(len(column)):
        own = np.int64(column[condition])
        limit = below[condition]
        some = int(extremes[0, own] < limit) * LEFT + int(extremes[1, own] >= limit) * RIGHT
        sides[condition] = some
        if some == LEFT + RIGHT:
            for block in range((rows + ROWS - 1) // ROWS):
                place = (own >> 1) * width + min(first + block * ROWS, last)
                sets[condition, block] = _less(columns, place, limit) | missing[own, block]
    return rows


@loop(
    "int64(int64, read(int64[::1]), read(int32[::1]), read(int16[::1]), read(int16[::1]), read(float32[::1]), "
    "read(uint64[:, ::1]), read(int8[::1]), int64[::1], int64[::1], int64[::1], float32[::1], uint64[:, ::1], "
    "float32[::1])",
    boundscheck=False,
)
def go_down(
    rows: int, starts: Int64s, split_conditions: Conditions, left: Nodes, right: Nodes, leaves: Float32s, sets: Sets,
    sides: Sides, conditions: Int64s, nodes: Int64s, places: Int64s, values: Float32s, reach: Sets, totals: Float32s,
) -> int:  # fmt: skip
    """Prune each tree, send the rows down what is left of it, and add each leaf to the totals of those that reach it.

    A split that is left has a number, and leads to nodes 2 · number + 1 and the next; node 0 is the root. `places` has
    the node that each place of the tree has become, -1 where no row comes. To save branches, every entry is written,
    and the next one overwrites it unless it counts.
    """
    totals[:] = 0
    reach[0, :] = ALL_ROWS
    for tree in range(len(starts) - 1):
        start = starts[tree]
        splits = starts[tree + 1] - start
        count = 0
        places[0] = 0
        for split in range(start, start + splits):
            condition = np.int64(split_conditions[At(split)])
            node = np.int64(places[At(split - start)])
            some = np.int64(sides[At(condition)]) * int(node >= 0)
            both = int(some == LEFT + RIGHT)
            conditions[At(count)] = condition
            nodes[At(count)] = node
            new = node + both * (2 * count + 1 - node)
            places[At(left[At(split)])] = (new + 1) * (some & LEFT) - 1
            places[At(right[At(split)])] = (new + both + 1) * (some >> 1) - 1
            count += both
        for split in range(count):
            _split(reach, nodes[At(split)], sets, conditions[At(split)], 2 * split + 1)
        count = 0
        for leaf in range(splits, 2 * splits + 1):
            node = places[At(leaf)]
            places[At(count)] = node
            values[At(count)] = leaves[At(start + tree + leaf - splits)]
            count += int(node >= 0)
        for block in range((rows + ROWS - 1) // ROWS):
            _add(totals, block, reach, places, values, count)
    return rows


@loop(
    "int64(read(float32[::1]), read(int64[::1]), read(int32[::1]), read(int16[::1]), read(int16[::1]), "
    "read(float32[::1]), read(int16[::1]), read(float32[::1]), float32[::1])"
)
def walk(
    row: Float32s, starts: Int64s, split_conditions: Conditions, left: Nodes, right: Nodes, leaves: Float32s,
    column: Nodes, below: Float32s, sums: Float32s,
) -> int:  # fmt: skip
    """Send a single row down each tree, and write the sum of the leaves that it comes to, added in the trees' order."""
    total = np.float32(0)
    for tree in range(len(starts) - 1):
        start = starts[tree]
        splits = starts[tree + 1] - start
        node = np.int64(0)
        while node < splits:
            condition = split_conditions[start + node]
            own = np.int64(column[condition])
            value = row[own >> 1]
            unknown = value != value  # noqa: PLR0124  NaN differs from itself
            goes_left = (own & 1) == 0 if unknown else value < below[condition]
            node = np.int64(left[start + node]) if goes_left else np.int64(right[start + node])
        total += leaves[start + tree + node - splits]
    sums[0] = total
    return len(starts) - 1
