"""Returns freed memory to the machine: Arrow and the C library keep it otherwise, while others may need it."""

import contextlib
import ctypes
import sys

import pyarrow as pa


def give_back() -> None:
    """Return the memory that is free."""
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library has no such call
            ctypes.CDLL("libc.so.6").malloc_trim(0)
