"""Which process of a machine writes what all of them map: the one that has the lock."""

import fcntl
import shutil
from pathlib import Path
from typing import IO


class WriterLock:
    """A lock on a file in the shared folder; the kernel frees it when its process dies. Without a folder it is ours."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None

    def elected(self) -> bool:
        """Whether this process is the writer, from now on if nobody else is."""
        if self._folder is None or self._file is not None:
            return True
        file = (self._folder / "keeper").open("ab")  # the name that running workers of an earlier version lock, too
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def resign(self) -> None:
        """Let another process write."""
        if self._file is not None:
            self._file.close()
            self._file = None


def discard_others(folder: Path | None) -> None:
    """Remove the folders beside this one that no process writes: states of layouts that are served no more."""
    for other in folder.parent.iterdir() if folder else ():
        lock = WriterLock(other)
        if other != folder and other.is_dir() and lock.elected():
            shutil.rmtree(other, ignore_errors=True)
            lock.resign()
