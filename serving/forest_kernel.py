"""Machine code that scores trees, made once a process: 64 rows go down a tree side by side, none of them by a branch.

Every split of a tree is asked of all rows of a block at once. Who goes which way is a bit a row, and so is who comes to
a node: its `reach`. At the end every leaf is added to the rows that reach it. That visits all nodes where a row alone
would visit six, and is still faster: a processor compares sixteen rows as fast as one, and never guesses a way wrongly.
The same code runs on every processor that LLVM knows, in whatever width it has.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

ROWS = 64
Run = Callable[..., None]

_REAL, _INT, _LONG, _SET = ir.FloatType(), ir.IntType(32), ir.IntType(64), ir.IntType(ROWS)
_BLOCK, _BITS = ir.VectorType(_REAL, ROWS), ir.VectorType(ir.IntType(1), ROWS)
_POINTERS = (_REAL, _LONG, _INT, _REAL, _INT, _INT, _REAL, _REAL)


@cache
def compiled() -> Run:
    """`score(rows, features, trees, nodes, given, starts, column, below, left, right, leaves, sums)`.

    given   (rows, features) float32, NaN where a value is missing
    starts  (trees + 1) int64, the place of each tree's first split; its leaves begin as many places later as there are
            trees before it. In a tree, splits come before leaves, the root first, no node before its parent
    column  (splits) int32, twice the feature that is looked at, and one more where missing values go right
    below   (splits) float32, what is smaller goes left
    left    (splits) int32, the place in its tree of the node on that side, and so `right`
    leaves  (leaves) float32
    sums    float32, room for whole blocks of ROWS: written

    Numbers are int64, arrays are addresses; `nodes` is how many the largest tree has. Raises RuntimeError where no
    machine code can be made.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(str(_module()))
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple().create_target_machine(llvm.get_host_cpu_name(), features)
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    options.loop_unrolling = False  # twice the code to make, and no faster
    passes = llvm.create_pass_builder(target, options)
    passes.getModulePassManager().run(module, passes)
    engine = llvm.create_mcjit_compiler(module, target)
    engine.finalize_object()
    # Python's lock is kept: given away for half a millisecond, it comes back later than that.
    kind = ctypes.PYFUNCTYPE(None, *[ctypes.c_int64] * 4, *[ctypes.c_void_p] * len(_POINTERS))
    run: Any = kind(engine.get_function_address("score"))
    run.engine = engine  # owns the code
    return run  # type: ignore[no-any-return]


def _module() -> ir.Module:
    module = ir.Module("forest")
    pointers = [kind.as_pointer() for kind in _POINTERS]
    score = ir.Function(module, ir.FunctionType(ir.VoidType(), [_LONG] * 4 + pointers), "score")
    for argument in score.args[4:]:
        argument.add_attribute("noalias")
    code = _Code(score.append_basic_block())
    rows, features, trees, nodes, given, starts, column, below, left, right, leaves, sums = score.args
    columns = code.alloca(_BLOCK, code.mul(features, _long(2)))
    reach, total = code.alloca(_SET, nodes), code.alloca(_BLOCK)
    with code.loop(code.udiv(code.add(rows, _long(ROWS - 1)), _long(ROWS))) as block:
        first = code.mul(block, _long(ROWS))
        _turn(code, first, rows, features, given, columns)
        code.store(ir.Constant(_BLOCK, [0.0] * ROWS), total)
        with code.loop(trees) as tree:
            start = code.at(starts, tree)
            splits = code.sub(code.at(starts, code.add(tree, _long(1))), start)
            code.store(ir.Constant(_SET, -1), reach)
            with code.loop(splits) as node:
                split = code.add(start, node)
                values = code.at(columns, code.sext(code.at(column, split), _LONG))
                smaller = code.fcmp_ordered("<", values, code.everywhere(code.at(below, split)))
                here, goes_left = code.at(reach, node), code.bitcast(smaller, _SET)
                for side, who in ((left, goes_left), (right, code.not_(goes_left))):
                    code.store(code.and_(here, who), code.gep(reach, [code.sext(code.at(side, split), _LONG)]))
            with code.loop(code.add(splits, _long(1))) as leaf:
                who = code.bitcast(code.at(reach, code.add(splits, leaf)), _BITS)
                value = code.at(leaves, code.add(code.add(start, tree), leaf))
                so_far = code.load(total)
                more = code.fadd(so_far, code.everywhere(value))
                code.store(code.select(who, more, so_far), total)
        code.store(code.load(total), code.bitcast(code.gep(sums, [first]), _BLOCK.as_pointer()), align=4)
    code.ret_void()
    return module


def _turn(code: "_Code", first: Any, rows: Any, features: Any, given: Any, columns: Any) -> None:
    """Write a block's rows as columns, each twice: missing values as what goes left of everything, and as they are.

    A last block that is not full is filled with its last row.
    """
    flat = code.bitcast(columns, _REAL.as_pointer())
    with code.loop(_long(ROWS)) as lane:
        wanted, last = code.add(first, lane), code.sub(rows, _long(1))
        row = code.select(code.icmp_unsigned("<", wanted, last), wanted, last)
        with code.loop(features) as feature:
            value = code.at(given, code.add(code.mul(row, features), feature))
            missing = code.fcmp_unordered("uno", value, value)
            leftmost = code.select(missing, ir.Constant(_REAL, float("-inf")), value)
            place = code.add(code.mul(feature, _long(2 * ROWS)), lane)
            code.store(leftmost, code.gep(flat, [place]))
            code.store(value, code.gep(flat, [code.add(place, _long(ROWS))]))


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

    def at(self, array: Any, place: Any) -> Any:
        """The element of an array at a place."""
        return self.load(self.gep(array, [place]))

    def everywhere(self, value: Any) -> Any:
        """A value as that of all rows of a block."""
        nothing = ir.Constant(_BLOCK, ir.Undefined)
        one = self.insert_element(nothing, value, ir.Constant(_INT, 0))
        return self.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(_INT, ROWS), [0] * ROWS))


def _long(value: int) -> Any:
    return ir.Constant(_LONG, value)
