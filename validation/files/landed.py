"""The entries of a landing: a file of a table that can be taken, or something else and why it is not taken.

Only regular files are opened, and no link is followed: a link may lead anywhere, and reading a pipe may never end.
"""

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from infra.errors import NotTaken
from validation.contract import Table
from validation.files.formats import format_of, unreadable

BUNDLE = ".bundle"
"""The end of the name of a folder whose files are taken as one delivery."""
DONE, FAILED = "done", "failed"
"""The folders of a landing with the files that were taken in, and those that could not be."""
UNFINISHED = (".open", ".tmp", ".part", ".partial", ".crdownload")
CHANGED = "it changed while it was read; end its name in `.open` until it is whole"
KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symbolic link, and links are not followed; put the file itself there",
}


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file, or a bundle, of a table; `below` is its path below the table's folder."""

    table: Table
    path: Path
    below: str

    @property
    def is_bundle(self) -> bool:
        """Whether it is a folder of files that are one delivery."""
        return self.path.suffix == BUNDLE


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A path that is not taken, why, and the table in whose folder it lies.

    Where it is `refused`, a person has to look at it; other paths, such as drafts and notes, were not meant as files.
    """

    path: Path
    reason: str
    refused: bool = True
    table: Table | None = None

    def __str__(self) -> str:
        return f"{shown(self.path)}: {self.reason}"


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The files of tables below a path, ordered by table and name, and every path that is not taken."""

    files: tuple[TableFile, ...]
    passed_over: tuple[PassedOver, ...]

    @property
    def refused(self) -> tuple[PassedOver, ...]:
        """The paths that a person has to look at."""
        return tuple(each for each in self.passed_over if each.refused)

    def of(self, table: Table) -> tuple[TableFile, ...]:
        """The files and bundles of one table."""
        return tuple(each for each in self.files if each.table is table)


def opened(path: Path, most_bytes: int = sys.maxsize) -> BinaryIO:
    """A file, open to be read. Raises NotTaken for anything but a file that can be read and has at most `most_bytes`.

    Raises FileNotFoundError where there is nothing (any more).
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise NotTaken(f"it cannot be opened ({error.strerror})") from error
    facts = os.fstat(number)
    if stat.S_ISREG(facts.st_mode) and facts.st_size <= most_bytes:
        return os.fdopen(number, "rb")
    os.close(number)
    if not stat.S_ISREG(facts.st_mode):
        raise NotTaken(f"it is {_kind(facts.st_mode)}")
    raise NotTaken(f"it has {facts.st_size:,} bytes, at most {most_bytes:,} are taken; cut it")


def content_of(path: Path, most_bytes: int) -> bytes:
    """The bytes of a file; raises as `opened` does, and NotTaken for a file that is still being written."""
    with opened(path, most_bytes) as file:
        size, content = os.fstat(file.fileno()).st_size, file.read()
    if len(content) != size:
        raise NotTaken(CHANGED)
    return content


def shown(path: str | os.PathLike[str]) -> str:
    """A path that can be printed, whatever bytes its name has."""
    text = os.fsencode(path).decode(errors="backslashreplace")
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def problem(path: Path, mode: int, at_root: bool) -> tuple[str, bool]:
    """Why a path is not taken, whatever its table, and whether a person has to look at it; "" for one that can be."""
    if not is_utf8(path.name):
        return "its name is not UTF-8; rename it", True
    if stat.S_ISDIR(mode):
        return _problem_of_folder(path.name, at_root)
    if path.name.startswith((".", "_")) or path.name.lower().endswith(UNFINISHED):
        return "it is still being written, or a file of another program", False
    return _problem_of_file(path, mode)


def _problem_of_file(path: Path, mode: int) -> tuple[str, bool]:
    if not stat.S_ISREG(mode):
        return f"it is {_kind(mode)}", True
    if format_of(path.name) is None:
        return unreadable(path.name), False
    return ("", False) if os.access(path, os.R_OK) else ("it cannot be read (permission denied)", True)


def _problem_of_folder(name: str, at_root: bool) -> tuple[str, bool]:
    if at_root and name in (DONE, FAILED):
        return "what was set aside; name the folder itself to take it", False
    if name.startswith((".", "_")):
        return "a folder that other programs keep for themselves", False
    if name.endswith(BUNDLE):
        return "", False
    return "a folder, although its name ends as a file's does; name the folder itself, or rename it", True


def is_utf8(name: str) -> bool:
    """Whether the bytes of a file's name are text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(mode: int) -> str:
    return KINDS.get(stat.S_IFMT(mode), "no file")
