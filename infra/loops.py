"""Loops over arrays, written in Python and compiled by numba.

A request takes a hundred small steps over some hundred numbers each. Written with numpy such a step is several calls,
and the calls cost more than the work; written as a loop and compiled it is one call. See docs/serving.md, Loops.

    @loop("int64(read(int32[:]), boolean[:])")
    def _mark(codes: Codes, marked: Flags) -> int: ...

The signature is numba's, with `read(...)` around arrays that the loop does not write. What all loops have in common:

- Compiled at the first call, or all at once by `prepare`, for this one signature: another dtype is a TypeError.
- An index is checked (IndexError), because many come from data of other processes. A negative one counts from the end,
  as in Python.
- Dividing by zero gives inf or NaN as numpy does. float32 values stay float32 in arithmetic between them, so a loop
  that needs more says `np.float64(...)`.
- Machine code is kept in files, see `loop_cache`. numba notices a changed source file and another processor, but not a
  changed constant or function of another module: a loop uses those of its own module only.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, cast

from infra import loop_cache

Parameters = ParamSpec("Parameters")


def loop(
    signature: str, *, boundscheck: bool = True
) -> Callable[[Callable[Parameters, int]], Callable[Parameters, int]]:
    """A decorator: the same function as machine code, called with its arguments in order.

    The plain Python function stays reachable as `.py_func`. Only a loop that checks its indexes itself may be
    compiled without `boundscheck`.
    """

    def compiled_later(function: Callable[Parameters, int]) -> Callable[Parameters, int]:
        compiled_loop = Loop(function, signature, boundscheck)
        _all.append(compiled_loop)

        @wraps(function)
        def call(*arguments):  # type: ignore[no-untyped-def]
            return compiled_loop.run(*arguments)

        call.py_func = function  # type: ignore[attr-defined]
        call.loop = compiled_loop  # type: ignore[attr-defined]
        return cast(Callable[Parameters, int], call)

    return compiled_later


def prepare() -> None:
    """Compile, or load from the cache, every loop of the modules that were imported."""
    for each_loop in _all:
        each_loop.compile()


class Loop:
    """One function and, once it is ready, its machine code: `run`."""

    def __init__(self, function: Callable[..., int], signature: str, boundscheck: bool = True) -> None:
        self.function, self.signature, self.boundscheck, self.ready = function, signature, boundscheck, False
        self.run: Callable[..., int] = self._first

    def compile(self) -> None:
        """Make `run` the machine code, unless it is already."""
        with loop_cache.ONE_AT_A_TIME:
            if not self.ready:
                options = {"boundscheck": self.boundscheck, "error_model": "numpy"}
                self.run = loop_cache.compiled(self.function, self._signature(), **options)
                self.ready = True

    def _first(self, *arguments: Any) -> int:
        self.compile()
        return self.run(*arguments)

    def _signature(self) -> Any:
        from numba import types

        return eval(self.signature, {**vars(types), "read": lambda array: array.copy(readonly=True)})


_all: list[Loop] = []
