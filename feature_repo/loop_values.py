"""The values of a loop, from Python to LLVM's code: numbers, elements of arrays, and what is calculated with them."""

import ast
from typing import Any, get_args

import numpy as np
from llvmlite import ir

from feature_repo.machine import FUNCTIONS

INT, NATURAL, REAL, FLAG = "int", "unsigned int", "float", "bool"
Value = tuple[str, Any]  # of one of these kinds
LONG, DOUBLE, BIT, BYTE = ir.IntType(64), ir.DoubleType(), ir.IntType(1), ir.IntType(8)
OBJECT = BYTE.as_pointer()
PLAIN = {INT: LONG, NATURAL: LONG, REAL: DOUBLE, FLAG: BIT}
ELEMENTS = {
    np.dtype(np.bool_): (FLAG, BYTE),
    np.dtype(np.uint8): (INT, BYTE),
    np.dtype(np.int32): (INT, ir.IntType(32)),
    np.dtype(np.uint32): (INT, ir.IntType(32)),
    np.dtype(np.int64): (INT, LONG),
    np.dtype(np.uint64): (NATURAL, LONG),
    np.dtype(np.float32): (REAL, ir.FloatType()),
    np.dtype(np.float64): (REAL, DOUBLE),
}
UNSIGNED = {np.dtype(np.uint8), np.dtype(np.uint32), np.dtype(np.bool_)}
SIZE, BYTES = 16, 32  # where a bytes object holds how many they are, and them
# Where an array object holds its type, its data, how many dimensions, their lengths and strides, and its dtype.
TYPE, DATA, DIMENSIONS, LENGTHS, STRIDES, DTYPE = 8, 16, 24, 32, 40, 56
SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
WHOLE = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and_", ast.BitOr: "or_", ast.BitXor: "xor",
    ast.LShift: "shl",
}  # fmt: skip
REALS = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}


class Array:
    """An array that was handed over, with what the function needs of it."""

    def __init__(self, code: "Values", name: str, of: Any, hint: Any) -> None:
        self.dtype = np.dtype(get_args(get_args(hint)[1])[0])
        self.kind, self.element = ELEMENTS[self.dtype]
        elements = [node for node in ast.walk(code.tree) if isinstance(node, ast.Subscript)]
        mine = [node.slice for node in elements if isinstance(node.value, ast.Name) and node.value.id == name]
        self.dimensions = 2 if any(isinstance(index, ast.Tuple) for index in mine) else 1
        short = ir.IntType(32)
        for place, wanted in (
            (TYPE, LONG(id(np.ndarray))), (DTYPE, LONG(id(self.dtype))), (DIMENSIONS, short(self.dimensions)),
        ):  # fmt: skip
            code.unless(code.icmp_signed("!=", code.field(of, place, wanted.type), wanted), code.unlike)
        lengths, strides = (code.inttoptr(code.field(of, at), LONG.as_pointer()) for at in (LENGTHS, STRIDES))
        self.data = code.field(of, DATA)
        self.lengths, self.strides = (
            [code.load(code.gep(of, [LONG(i)])) for i in range(self.dimensions)] for of in (lengths, strides)
        )


class Values(ir.IRBuilder):  # type: ignore[misc]
    """Writes the code of values in one function.

    names      of numbers: their kinds and where they are kept
    arrays     the function's
    blocks     its bytes: where they are, and how many
    constants  of its module
    outside    where an index leads that its array does not have
    unlike     where an array leads that is not what the function is for
    """

    names: dict[str, tuple[str, Any]]
    arrays: dict[str, Array]
    blocks: dict[str, tuple[Any, Any]]
    constants: dict[str, Any]
    outside: Any
    unlike: Any

    def value(self, node: ast.expr) -> Value:
        """The value of an expression."""
        found: Value | None = None
        match node:
            case ast.Constant(value=bool() | int() | float() as value):
                found = _constant(value)
            case ast.Name(id=name) if name in self.names:
                kind, room = self.names[name]
                found = kind, self.load(room)
            case ast.Name(id=name) if isinstance(self.constants.get(name), bool | int | float):
                found = _constant(self.constants[name])
            case ast.Subscript():
                found = self._loaded(node)
            case ast.BinOp(left=left, op=op, right=right):
                found = self.arithmetic(node, op, self.value(left), self.value(right))
            case ast.UnaryOp(op=ast.USub(), operand=of):
                kind, value = one = self.value(of)
                found = (REAL, self.fneg(value)) if kind == REAL else (INT, self.neg(self.as_kind(INT, one, node)))
            case ast.UnaryOp(op=ast.Not(), operand=of):
                found = FLAG, self.not_(self.flag(of))
            case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in SIGNS:
                found = FLAG, self._compared(node, SIGNS[type(sign)], self.value(left), self.value(right))
            case ast.BoolOp(op=op, values=[first, *others]):
                found = FLAG, self._any(isinstance(op, ast.Or), first, others)
            case ast.IfExp():
                found = self._either(node)
            case ast.Call(func=ast.Name(id=name), args=given):
                found = self._called(node, name, given)
        if found is None:
            raise self.unknown(node)
        return found

    def _loaded(self, node: ast.Subscript) -> Value:
        array, place = self.element(node)
        found = self.load(place)
        if array.kind == FLAG:
            found = self.trunc(found, BIT)
        elif array.kind == REAL:
            found = self.fpext(found, DOUBLE) if array.element != DOUBLE else found
        elif array.element != LONG:
            found = (self.zext if array.dtype in UNSIGNED else self.sext)(found, LONG)
        return array.kind, found

    def element(self, node: ast.Subscript) -> tuple[Array, Any]:
        """The array and the address of an element, which is there."""
        array = self.arrays.get(node.value.id) if isinstance(node.value, ast.Name) else None
        indexes = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if array is None or len(indexes) != array.dimensions:
            raise self.unknown(node)
        place = array.data
        for index, length, stride in zip(indexes, array.lengths, array.strides, strict=True):
            at = self.as_kind(INT, self.value(index), node)
            self.unless(self.icmp_unsigned(">=", at, length), self.outside)
            place = self.add(place, self.mul(at, stride))
        return array, self.inttoptr(place, array.element.as_pointer())

    def arithmetic(self, node: ast.AST, op: ast.operator, left: Value, right: Value) -> Value:
        """What an operator makes of two numbers."""
        kind, one, other = self._alike(node, left, right)
        if kind == REAL and type(op) in REALS:
            return kind, getattr(self, REALS[type(op)])(one, other)
        if kind in {INT, NATURAL} and type(op) in WHOLE:
            return kind, getattr(self, WHOLE[type(op)])(one, other)
        if kind in {INT, NATURAL} and isinstance(op, ast.RShift):
            return kind, (self.ashr if kind == INT else self.lshr)(one, other)
        raise self.unknown(node)

    def _compared(self, node: ast.AST, sign: str, left: Value, right: Value) -> Any:
        kind, one, other = self._alike(node, left, right)
        if kind == REAL:
            return (self.fcmp_unordered if sign == "!=" else self.fcmp_ordered)(sign, one, other)
        return (self.icmp_signed if kind == INT else self.icmp_unsigned)(sign, one, other)

    def _alike(self, node: ast.AST, left: Value, right: Value) -> tuple[str, Any, Any]:
        """Two values as ones of the same kind."""
        kind = next((kind for kind in (REAL, NATURAL) if kind in {left[0], right[0]}), left[0])
        return kind, self.as_kind(kind, left, node), self.as_kind(kind, right, node)

    def _any(self, one: bool, first: ast.expr, others: list[ast.expr]) -> Any:
        """Whether one of them holds, or all do; what comes after the one that decides is not looked at."""
        found = self.room(BIT)
        self.store(self.flag(first), found)
        for other in others:
            so_far = self.load(found)
            with self.if_then(self.not_(so_far) if one else so_far):
                self.store(self.flag(other), found)
        return self.load(found)

    def _either(self, node: ast.IfExp) -> Value:
        with self.if_else(self.flag(node.test)) as (then, other):
            with then:
                kind, value = self.value(node.body)
                found = self.room(PLAIN[kind])
                self.store(value, found)
            with other:
                self.store(self.as_kind(kind, self.value(node.orelse), node), found)
        return kind, self.load(found)

    def _called(self, node: ast.AST, name: str, given: list[ast.expr]) -> Value:
        match name, given:
            case "len", [ast.Name(id=array)] if array in self.arrays:
                return INT, self.arrays[array].lengths[0]
            case "float", [of]:
                return REAL, self.as_kind(REAL, self.value(of), node)
            case "int", [of]:
                kind, value = self.value(of)
                return INT, {REAL: self.fptosi, FLAG: self.zext}.get(kind, lambda same, _: same)(value, LONG)
            case "min" | "max", [one, other]:
                kind, left, right = self._alike(node, self.value(one), self.value(other))
                # In Python's order, so that NaN gives what it gives there.
                second = self._compared(node, "<" if name == "min" else ">", (kind, right), (kind, left))
                return kind, self.select(second, right, left)
            case "int64_at" | "float32_at", [ast.Name(id=data), place] if data in self.blocks:
                return self._within(name == "int64_at", data, self.as_kind(INT, self.value(place), node))
            case _, [of] if name in FUNCTIONS:
                return REAL, self.outer(name, DOUBLE, self.as_kind(REAL, self.value(of), node))
        raise self.unknown(node)

    def flag(self, node: ast.expr) -> Any:
        """Whether a condition holds."""
        return self.as_kind(FLAG, self.value(node), node)

    def as_kind(self, kind: str, value: Value, where: ast.AST | str) -> Any:
        """A value as one of a kind; a whole number may stand for any, nothing else for another."""
        has, plain = value
        if has == kind or (has, kind) == (INT, NATURAL):
            return plain
        if kind == REAL and has in {INT, NATURAL}:
            return (self.sitofp if has == INT else self.uitofp)(plain, DOUBLE)
        raise self.unknown(where, f" a {has} stands where a {kind} is needed")

    def unless(self, wrong: Any, ending: Any) -> None:
        """Go on with what comes next unless something is wrong."""
        further = self.append_basic_block()
        self.cbranch(wrong, ending, further)
        self.position_at_end(further)

    def ending(self, error: type[Exception], said: str) -> Any:
        """A place to end at, with an error."""
        letters = bytearray(said.encode() + b"\0")
        text = ir.GlobalVariable(self.module, ir.ArrayType(BYTE, len(letters)), self.module.get_unique_name("said"))
        text.initializer, text.global_constant = ir.Constant(text.value_type, letters), True
        block = self.append_basic_block()
        with self.goto_block(block):
            kind = self.inttoptr(LONG(id(error)), OBJECT)
            self.outer("PyErr_SetString", ir.VoidType(), kind, self.bitcast(text, OBJECT))
            self.ret(OBJECT(None))
        return block

    def outer(self, name: str, kind: Any, *given: Any) -> Any:
        """What a function of the process says."""
        known = self.module.globals.get(name)
        made = known or ir.Function(self.module, ir.FunctionType(kind, [one.type for one in given]), name)
        return self.call(made, given)

    def _within(self, whole: bool, data: str, place: Any) -> Value:
        """A number that stands in bytes, from a place on."""
        (begin, length), (kind, size) = self.blocks[data], (LONG, 8) if whole else (ir.FloatType(), 4)
        self.unless(self.icmp_signed("<", place, LONG(0)), self.outside)
        self.unless(self.icmp_signed(">", place, self.sub(length, LONG(size))), self.outside)
        found = self.load(self.bitcast(self.gep(begin, [place]), kind.as_pointer()), align=1)
        return (INT, found) if whole else (REAL, self.fpext(found, DOUBLE))

    def room(self, kind: Any) -> Any:
        """Room for one value, the same in every turn of a loop."""
        with self.goto_entry_block():
            room = self.alloca(kind)
            self.store(ir.Constant(kind, 0), room)
            return room

    def unknown(self, where: ast.AST | str, why: str = "is not of the language of such loops") -> TypeError:
        """What to raise for a piece of the function, and why."""
        said = where if isinstance(where, str) else ast.unparse(where)
        return TypeError(f"{self.function.name}: `{said}`: {why}")

    def field(self, of: Any, place: int, kind: Any = LONG) -> Any:
        """What stands so many bytes into an object."""
        return self.load(self.bitcast(self.gep(of, [LONG(place)]), kind.as_pointer()))


def _constant(value: float) -> Value:
    if isinstance(value, bool):
        return FLAG, BIT(value)
    return (INT, LONG(value)) if isinstance(value, int) else (REAL, DOUBLE(value))
