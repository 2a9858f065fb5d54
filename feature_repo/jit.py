"""Loops over arrays, written in Python and run as machine code.

A request takes a hundred small steps over some hundred numbers each. Said in numpy, such a step is several calls, whose
price is the calling; said as the loop that it is, and compiled, it is one. `loop_code` says what may be written here.
`numba` does this for all of Python, for more memory and time at its start than a worker has: docs/serving.md, Loops.
"""

import ctypes
import logging
import struct
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, cast

import numpy as np
from llvmlite import ir

from feature_repo import loop_code, machine
from feature_repo.loop_values import DATA, DIMENSIONS, DTYPE, LENGTHS, STRIDES, TYPE

Given = ParamSpec("Given")
FASTCALL = 0x80  # arguments in an array, no names
log = logging.getLogger(__name__)


def jit(function: Callable[Given, int]) -> Callable[Given, int]:
    """The same function as machine code, made when it is first called or by `prepare`; takes its arguments in order.

    Raises IndexError for an index outside its array, TypeError for an array of another dtype or number of dimensions.
    """
    made = Loop(function)
    _written.append(made)

    @wraps(function)
    def call(*given):  # type: ignore[no-untyped-def]
        return made.run(*given)

    call.loop = made  # type: ignore[attr-defined]
    return cast(Callable[Given, int], call)


def int64_at(data: bytes, place: int) -> int:
    """The whole number that stands in bytes from a place on, little-endian."""
    return int(struct.unpack_from("<q", data, place)[0])


def float32_at(data: bytes, place: int) -> float:
    """The float32 that stands in bytes from a place on, little-endian."""
    return float(struct.unpack_from("<f", data, place)[0])


def prepare() -> None:
    """Make the machine code of every such function that was imported, all at once."""
    _make([made for made in _written if not made.ready])


class Loop:
    """One function and, once it is ready, its machine code: `run`."""

    def __init__(self, function: Callable[..., int]) -> None:
        self.python, self.ready = function, False
        self.name = f"{function.__module__}.{function.__qualname__}"
        self.run: Callable[..., int] = self._first
        self.code: tuple[Any, Definition] | None = None  # as long as it is kept, `run` may be called

    def _first(self, *given: Any) -> int:
        _make([self])
        return self.run(*given)

    def in_python(self, *given: Any) -> int:
        """The same by Python alone, with its own numbers, as memory views have them."""
        return self.python(*(one.data if isinstance(one, np.ndarray) else one for one in given))


_written: list[Loop] = []


class Definition(ctypes.Structure):
    """What Python keeps of a function written in C."""

    _fields_ = [("name", ctypes.c_char_p), ("run", ctypes.c_void_p), ("how", ctypes.c_int), ("says", ctypes.c_char_p)]


def _make(loops: Sequence[Loop]) -> None:
    module = ir.Module("loops")
    for loop in loops:
        loop_code.build(module, loop.name, loop.python)
    try:
        _recognised(np.arange(6, dtype=np.int32).reshape(2, 3)[:, 1:])
        engine = machine.linked(module)
    except RuntimeError as cannot:
        log.warning("Python itself runs %d loops, many times slower: %s", len(loops), cannot)
        for loop in loops:
            loop.run, loop.ready = loop.in_python, True
        return
    function = ctypes.pythonapi.PyCFunction_NewEx
    function.restype, function.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    for loop in [loop for loop in loops if not loop.ready]:  # another thread may have been faster, and is calling it
        at = engine.get_function_address(loop.name)
        loop.code = engine, Definition(loop.name.encode(), at, FASTCALL, None)
        loop.run, loop.ready = function(ctypes.addressof(loop.code[1]), None, None), True


def _recognised(array: np.ndarray[Any, Any]) -> None:
    """Raises RuntimeError unless arrays look in memory as the machine code takes them to."""

    def word(place: int) -> int:
        return ctypes.c_int64.from_address(place).value

    at = id(array)
    found = word(at + TYPE), word(at + DATA), ctypes.c_int32.from_address(at + DIMENSIONS).value, word(at + DTYPE)
    if found != (id(np.ndarray), array.ctypes.data, array.ndim, id(array.dtype)):
        raise RuntimeError(f"numpy {np.__version__} keeps its arrays otherwise")
    lengths, strides = ([word(word(at + place) + 8 * i) for i in range(array.ndim)] for place in (LENGTHS, STRIDES))
    if (*lengths, *strides) != (*array.shape, *array.strides):
        raise RuntimeError(f"numpy {np.__version__} keeps the shapes of its arrays otherwise")
