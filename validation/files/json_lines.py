"""JSON lines, read in blocks: of a file of any size, little is in memory at one time."""

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
        """The lines in order, in blocks, without their line ends; None for one that is too long."""
        for lines in self._blocks():
            block: list[bytes | None] = []
            for start, length, line in lines:
                raw = line if line is None else line.rstrip(b"\r")
                if raw is None:
                    self._long[len(self._starts)] = length
                if raw is None or raw.strip():
                    self._starts.append(start)
                    block.append(raw)
            yield block

    def raws(self, rows: Sequence[int]) -> list[bytes]:
        """The bytes of lines that blocks() gave; of one that is too long, as many as a line may have."""
        return [self._read(self._starts[row]) for row in rows]

    def too_long(self, row: int) -> Fault:
        """The fault of a line that blocks() gave as None."""
        most = self._limits.line_bytes
        sentence = f"the line has {self._long[row]:,} bytes, {most:,} are the most (FLYWHEEL_MAX_LINE_BYTES)"
        return Fault("within_limits", f"{sentence}; quarantine has so many of them, the file all")

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
            *complete, rest = (rest + block).split(b"\n")
            lines: list[LinePlace] = []
            for line in complete:
                length = dropped + len(line)
                lines.append((start, length, None if length > most else line))
                start, dropped = start + length + 1, 0
            if dropped + len(rest) > most:
                rest, dropped = b"", dropped + len(rest)
            yield lines
        if rest or dropped:
            yield [(start, dropped + len(rest), None if dropped else rest)]


def digest_within(source: BinaryIO, table: Table, limits: FileLimits) -> tuple[str, str | None]:
    """The digest of a file of lines, and a sentence where it is over a limit; stops reading at the limit."""
    digest, size, lines = hashlib.sha256(table.name.encode() + b"\0"), 0, 0
    source.seek(0)
    while block := source.read(BLOCK):
        digest.update(block)
        size, lines = size + len(block), lines + block.count(b"\n")
        if size > limits.file_bytes:
            return digest.hexdigest(), too_large_sentence(
                "the file", size, "bytes", limits.file_bytes, "FLYWHEEL_MAX_FILE_BYTES"
            )
        if lines > limits.rows:
            return digest.hexdigest(), too_large_sentence("the file", lines, "lines", limits.rows, "FLYWHEEL_MAX_ROWS")
    return digest.hexdigest(), None


def too_large_sentence(what: str, size: int, unit: str, most: int, setting: str) -> str:
    """The sentence about something that is larger than it may be."""
    return f"{what} has {size:,} {unit} or more, {most:,} are the most ({setting}): cut it into several files"


def object_of(line: bytes) -> Mapping[str, object] | Fault:
    """The JSON object of a line, or the fault of a line that is none."""
    try:
        value = msgspec.json.decode(line)
    except (ValueError, RecursionError):
        value = _python_value(line)
    if isinstance(value, dict | Fault):
        return value
    return Fault("readable", f"the line is JSON but no object: {type(value).__name__}")


def _python_value(line: bytes) -> object:
    """The value by Python's own reader: it takes NaN and Infinity, which then are faults of one value alone."""
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
