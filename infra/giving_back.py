"""Freed memory returned to the machine: Arrow and C keep it for a next time, in which others need it."""

import contextlib
import ctypes
import sys

import pyarrow as pa


def give_back() -> None:
    """Return what is free."""
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library has no such call
            ctypes.CDLL("libc.so.6").malloc_trim(0)
