"""JSON lines, read in blocks: of a file of any size, little is held at a time."""

import hashlib
import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

import msgspec

from infra.settings import FileLimits
from validation.contract import Table
from validation.files.flaws import Fault

BLOCK = 1 << 20
BOM = b"\xef\xbb\xbf"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
LinePlace = tuple[int, int, bytes | None]
"""Where a line begins, how many bytes it has, and the bytes; None for those of a line that is too long."""


class JsonLines:
    """The lines of a file, blank ones left out."""

    def __init__(self, source: BinaryIO, limits: FileLimits) -> None:
        self._source, self._limits = source, limits
        self._starts = array("q")
        self._long: dict[int, int] = {}

    def blocks(self) -> Iterator[list[bytes | None]]:
        """The lines in order, some at a time, without the sign of the line's end; None for one that is too long."""
        for lines in self._blocks():
            found: list[bytes | None] = []
            for start, length, line in lines:
                raw = line if line is None else line.rstrip(b"\r")
                if raw is None:
                    self._long[len(self._starts)] = length
                if raw is None or raw.strip():
                    self._starts.append(start)
                    found.append(raw)
            yield found

    def raws(self, rows: Sequence[int]) -> list[bytes]:
        """The bytes of lines that blocks() gave; of one that is too long, as many as a line may have."""
        return [self._read(self._starts[row]) for row in rows]

    def too_long(self, row: int) -> Fault:
        """The fault of a line that blocks() gave as None."""
        most = self._limits.line_bytes
        told = f"the line has {self._long[row]:,} bytes, {most:,} are the most (FLYWHEEL_MAX_LINE_BYTES)"
        return Fault("within_limits", f"{told}; so many of it are kept, all of it is in the file")

    def _read(self, start: int) -> bytes:
        self._source.seek(start)
        line = self._source.readline(self._limits.line_bytes)
        return line.removesuffix(b"\n").rstrip(b"\r")

    def _blocks(self) -> Iterator[list[LinePlace]]:
        self._source.seek(0)
        start = len(BOM) if self._source.read(len(BOM)) == BOM else 0
        self._source.seek(start)
        rest, dropped, most = b"", 0, self._limits.line_bytes
        while block := self._source.read(BLOCK):
            *whole, rest = (rest + block).split(b"\n")
            lines: list[LinePlace] = []
            for line in whole:
                length = dropped + len(line)
                lines.append((start, length, None if length > most else line))
                start, dropped = start + length + 1, 0
            if dropped + len(rest) > most:
                rest, dropped = b"", dropped + len(rest)
            yield lines
        if rest or dropped:
            yield [(start, dropped + len(rest), None if dropped else rest)]


def surveyed(source: BinaryIO, table: Table, limits: FileLimits) -> tuple[str, str | None]:
    """The digest of a file of lines, and why it is too large; stops reading where it is."""
    found, size, lines = hashlib.sha256(table.name.encode() + b"\0"), 0, 0
    source.seek(0)
    while block := source.read(BLOCK):
        found.update(block)
        size, lines = size + len(block), lines + block.count(b"\n")
        if size > limits.file_bytes:
            return found.hexdigest(), too_large_sentence(
                "the file", size, "bytes", limits.file_bytes, "FLYWHEEL_MAX_FILE_BYTES"
            )
        if lines > limits.rows:
            return found.hexdigest(), too_large_sentence("the file", lines, "lines", limits.rows, "FLYWHEEL_MAX_ROWS")
    return found.hexdigest(), None


def too_large_sentence(what: str, found: int, unit: str, most: int, setting: str) -> str:
    """The sentence about something that is larger than it may be."""
    return f"{what} has {found:,} {unit} or more, {most:,} are the most ({setting}): cut it into several files"


def object_of(line: bytes) -> Mapping[str, object] | Fault:
    """The JSON object that a line is, or why it is none."""
    try:
        found = msgspec.json.decode(line)
    except (ValueError, RecursionError):
        found = _told_by_json(line)
    if isinstance(found, dict | Fault):
        return found
    return Fault("readable", f"the line is JSON but no object: {type(found).__name__}")


def _told_by_json(line: bytes) -> object:
    """What Python's own reader makes of it: it takes NaN and Infinity, which then are faults of one value alone."""
    try:
        return json.loads(line.decode())
    except UnicodeDecodeError as error:
        bad = f"byte {error.start} is 0x{error.object[error.start]:02x}"
        hint = "; the file is UTF-16, write it as UTF-8" if line.startswith(UTF16) else ""
        return Fault("readable", f"the line is not UTF-8: {bad}{hint}")
    except RecursionError:
        return Fault("readable", "the line is nested too deeply")
    except ValueError as error:
        hint = "; it has zeros between its letters, as UTF-16 has" if b"\0" in line[:20] else ""
        return Fault("readable", f"the line is not JSON: {error}{hint}")
