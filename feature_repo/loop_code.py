"""From a loop in Python to LLVM's code: a small, typed part of the language, as `jit` runs it.

    parameters   arrays of one or two dimensions (of the dtypes in ELEMENTS), `int`, `float`, `bytes`
    statements   assignments to names and elements, `if`, `while`, `for … in range(…)`, `break`, `continue`, `return`
    values       numbers, elements, the module's constants, `+ - *`, `/` of floats, `& | ^ << >>`, comparisons, `and`,
                 `or`, `not`, `… if … else …`, `len`, `int`, `float`, `min`, `max`, and by their own names
                 `exp2`, `log1p` and `sqrt` of `math`, `int64_at` and `float32_at` of `jit`

Whole numbers have 64 bits and wrap around; floats are doubles until they are put into an array. A name keeps the kind
it was first given, and is 0 before. An index below 0 or too high is an IndexError, an array of another dtype or number
of dimensions a TypeError. A function returns a whole number.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any, get_type_hints

from llvmlite import ir

from feature_repo.loop_values import (
    BYTE,
    BYTES,
    DOUBLE,
    FLAG,
    INT,
    LONG,
    OBJECT,
    PLAIN,
    REAL,
    SIZE,
    TYPE,
    Array,
    Value,
    Values,
)


def build(module: ir.Module, name: str, function: Callable[..., int]) -> None:
    """Put a function into a module, as Python calls those written in C: with its arguments in an array, and how many.

    Raises TypeError, with the line, for what is not of this part of the language.
    """
    made = ir.Function(module, ir.FunctionType(OBJECT, [OBJECT, OBJECT.as_pointer(), LONG]), name)
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    _Body(made, get_type_hints(function), tree, function.__globals__)


class _Body(Values):
    """Writes the code of one function."""

    def __init__(self, made: ir.Function, hints: dict[str, Any], tree: Any, constants: dict[str, Any]) -> None:
        super().__init__(made.append_basic_block())
        self.tree, self.constants = tree, constants
        self.names: dict[str, tuple[str, Any]] = {}
        self._turns: list[tuple[Any, Any]] = []  # where `continue` and `break` lead to
        hints = {name: hint for name, hint in hints.items() if name != "return"}
        self.outside = self.ending(IndexError, f"{made.name}: an index is outside its array")
        self.unlike = self.ending(TypeError, f"{made.name}: an argument is not what it is made for: {hints}")
        _, given, count = made.args
        self.unless(self.icmp_signed("!=", count, LONG(len(hints))), self.unlike)
        objects = {name: self.load(self.gep(given, [LONG(i)])) for i, name in enumerate(hints)}
        scalars = [name for name, hint in hints.items() if hint in (int, float)]
        self.blocks = {name: self._bytes(objects[name]) for name, hint in hints.items() if hint is bytes}
        others = hints.keys() - scalars - self.blocks.keys()
        self.arrays = {name: Array(self, name, objects[name], hints[name]) for name in hints if name in others}
        for name in scalars:
            whole = hints[name] is int
            read = ("PyLong_AsLongLong", LONG) if whole else ("PyFloat_AsDouble", DOUBLE)
            self._set(name, (INT if whole else REAL, self.outer(*read, objects[name])))
        wrong = self.icmp_unsigned("!=", self.outer("PyErr_Occurred", OBJECT), OBJECT(None))
        self.unless(wrong, self.unlike)
        self._statements(tree.body)
        if not self.block.is_terminated:
            self.unreachable()

    def _bytes(self, of: Any) -> tuple[Any, Any]:
        self.unless(self.icmp_signed("!=", self.field(of, TYPE), LONG(id(bytes))), self.unlike)
        return self.gep(of, [LONG(BYTES)]), self.field(of, SIZE)

    def _statements(self, body: list[ast.stmt]) -> None:
        for statement in body:
            if self.block.is_terminated:
                raise self.unknown(statement)
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=targets, value=of):
                value = self.value(of)
                for target in targets:
                    self._assign(target, value)
            case ast.AugAssign(target=target, op=op, value=value):
                self._assign(target, self.arithmetic(node, op, self.value(target), self.value(value)))
            case ast.If():
                with self.if_else(self.flag(node.test)) as (then, other):
                    with then:
                        self._statements(node.body)
                    with other:
                        self._statements(node.orelse)
            case ast.While(orelse=[]):
                self._while(lambda: self.flag(node.test), node.body)
            case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=ends), orelse=[]) if (
                len(ends) in {1, 2}
            ):
                self._for(name, [self.as_kind(INT, self.value(end), node) for end in ends], node.body)
            case ast.Break() | ast.Continue():
                self.branch(self._turns[-1][isinstance(node, ast.Break)])
            case ast.Return(value=ast.expr() as value):
                self.ret(self.outer("PyLong_FromLongLong", OBJECT, self.as_kind(INT, self.value(value), node)))
            case ast.Expr(value=ast.Constant(value=str())):
                pass
            case _:
                raise self.unknown(node)

    def _for(self, name: str, ends: list[Any], body: list[ast.stmt]) -> None:
        first, last = (LONG(0), ends[0]) if len(ends) == 1 else (ends[0], ends[1])
        count = self.room(LONG)
        self.store(self.sub(first, LONG(1)), count)

        def another() -> Any:
            here = self.add(self.load(count), LONG(1))
            self.store(here, count)
            more = self.icmp_signed("<", here, last)
            with self.if_then(more):
                self._set(name, (INT, here))
            return more

        self._while(another, body)

    def _while(self, test: Callable[[], Any], body: list[ast.stmt]) -> None:
        head, turn, after = (self.append_basic_block() for _ in range(3))
        self.branch(head)
        self.position_at_end(head)
        self.cbranch(test(), turn, after)
        self.position_at_end(turn)
        self._turns.append((head, after))
        self._statements(body)
        self._turns.pop()
        if not self.block.is_terminated:
            self.branch(head)
        self.position_at_end(after)

    def _assign(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Subscript):
            array, place = self.element(target)
            plain = self.as_kind(array.kind, value, target)
            if array.kind == REAL:
                plain = self.fptrunc(plain, array.element) if array.element != DOUBLE else plain
            elif array.element != LONG:
                plain = self.zext(plain, BYTE) if array.kind == FLAG else self.trunc(plain, array.element)
            self.store(plain, place)
        elif isinstance(target, ast.Name) and target.id not in self.arrays:
            self._set(target.id, value)
        else:
            raise self.unknown(target)

    def _set(self, name: str, value: Value) -> None:
        if name not in self.names:
            self.names[name] = value[0], self.room(PLAIN[value[0]])
        kind, room = self.names[name]
        self.store(self.as_kind(kind, value, name), room)
