"""Who of the processes of a machine writes what all of them map: the one that holds the lock."""

import fcntl
import shutil
from pathlib import Path
from typing import IO


class WriterLock:
    """A lock on a file in the shared folder; the kernel frees it when its holder dies. Without a folder it is ours."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None

    def elected(self) -> bool:
        """Whether this process is the writer, from now on if nobody else is."""
        if self._folder is None or self._file is not None:
            return True
        file = (self._folder / "keeper").open("ab")
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
    """Remove the folders beside this one that nobody keeps: states of layouts that nobody serves any more."""
    for other in folder.parent.iterdir() if folder else ():
        keeper = WriterLock(other)
        if other != folder and other.is_dir() and keeper.elected():
            shutil.rmtree(other, ignore_errors=True)
            keeper.resign()
