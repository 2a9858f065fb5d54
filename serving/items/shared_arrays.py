"""Arrays in files that all processes of a machine map: one copy in memory, which outlives the processes.

What is kept in them (rows in `entity_table`, marks in `mark_index`) is written and read by several processes without a
lock. That needs a processor on which no later store is seen before an earlier one, such as x86-64; on ARM it may be,
and Python has no memory barrier. So on any other processor such arrays are refused, and `online` keeps item states
in the memory of each worker, where Python's lock keeps the order.
"""

import errno
import mmap
import os
import platform
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from infra.errors import Unavailable

IN_ORDER = ("x86_64", "amd64")  # processors, as `platform.machine` names them
STEP = 1 << 16  # bytes: room is reserved in multiples of it
MOST = 1 << 26  # bytes reserved ahead of what is needed, at most


class SharedArray:
    """One array of zeros that was never written; `values` maps the file, whatever process writes to it.

    Its size is fixed from the start and costs nothing: the file is sparse. Without a folder it is private memory.
    """

    def __init__(self, arrays: "SharedArrays", name: str, dtype: DTypeLike, shape: Sequence[int]) -> None:
        kind = np.dtype(dtype)
        path = arrays.folder / name if arrays.folder else None
        self._arrays, self._path, self._rows = arrays, path, shape[0]
        self._row_bytes = kind.itemsize * prod(shape[1:])
        self._reserved = 0
        size = max(self._rows * self._row_bytes, 1)
        self.values: NDArray[Any] = np.frombuffer(_mapped(path, size), dtype=kind, count=prod(shape)).reshape(shape)

    def reserve(self, rows: int) -> int:
        """How many of so many rows can be written: fewer when the array or the disk has no more room.

        A page that the disk has no room for would end the process that writes to it.
        """
        rows = min(rows, self._rows)
        if self._path is None:
            return rows
        if rows > self._reserved:
            self._extend(self._path, rows)
        return min(rows, self._reserved)

    def _extend(self, path: Path, rows: int) -> None:
        need = rows * self._row_bytes
        ahead = -(-min(need + need // 4, need + MOST) // STEP) * STEP
        try:
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, min(ahead, self._rows * self._row_bytes))
                self._reserved = min(ahead // self._row_bytes, self._rows)
        except OSError as full:
            if full.errno not in {errno.ENOSPC, errno.EDQUOT, errno.ENOENT}:
                raise
            self._arrays.lacked_room = True


class SharedArrays:
    """The arrays of one folder; without a folder they are private to the process.

    Raises Unavailable for a folder on a processor that may show other processes stores out of order.

    `lacked_room` says that the disk had no room for one of them, until the writer sets it to False.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder, self.lacked_room = folder, False
        if folder is not None:
            if platform.machine().lower() not in IN_ORDER:
                raise Unavailable(
                    f"{folder}: arrays that processes share need a processor that keeps the order of stores "
                    f"({', '.join(IN_ORDER)}), this one is {platform.machine()}. Keep them in each process's memory."
                )
            folder.mkdir(parents=True, exist_ok=True)

    def open(self, name: str, dtype: DTypeLike, *shape: int) -> SharedArray:
        """The array of that name, made if need be. Whoever opens it names the same type and shape."""
        return SharedArray(self, name, dtype, shape)


def _mapped(path: Path | None, size: int) -> mmap.mmap:
    if path is None:
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0))
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        os.truncate(file.fileno(), size)  # every process that opens it does the same: the first one makes it
        return mmap.mmap(file.fileno(), size)
