"""A CSV file as it was delivered: cells → values of the contract's types, strictly; a bad cell is its row's fault."""

import csv
import json
import re
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from typing import BinaryIO

import msgspec
import pyarrow as pa

from infra.errors import NotTaken
from infra.giving_back import give_back
from infra.settings import FileLimits
from validation.arrow import ARROW
from validation.contract import Column, Table
from validation.dtypes import DType
from validation.files.delivered import (
    KNOWN,
    NO_LIMITS,
    READABLE,
    TYPED,
    WITHIN,
    Delivered,
    stranger,
    unreadable_delivery,
)
from validation.files.flaws import Fault, Flaws
from validation.files.json_lines import BOM, UTF16, surveyed
from validation.files.typed_values import read_values

AT_ONCE = 50_000  # rows whose cells are Python texts at one time: they take ten times the room of their columns
LONGEST_RECORD = 50  # lines: a quote that is never closed takes so many with it at most, and gives them back
WHOLE, NUMBER = re.compile(r"-?\d{1,19}"), re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
TRUTH = {"true": True, "false": False}
csv.field_size_limit(1 << 24)  # a list of numbers as text is longer than the 128 KiB that Python allows for

Cells = Sequence[str] | Fault


def delivered_from_csv(table: Table, content: bytes | BinaryIO, limits: FileLimits = NO_LIMITS) -> Delivered:
    """A delivery of a CSV file: commas, quotes as in RFC 4180, UTF-8; its first line names the columns.

    An empty cell is null, but for a text that may not be null: that is an empty text. A row that cannot be cut into
    the header's cells is kept as its bytes; any other is kept as the JSON line that says the same. Raises NotTaken for
    more rows than the limits allow for.
    """
    source = BytesIO(content) if isinstance(content, bytes) else content
    digest, problem = surveyed(source, table, replace(limits, rows=sys.maxsize))  # a row may have many lines
    if problem:
        return unreadable_delivery(table, Fault(WITHIN, problem), source)
    source.seek(0)
    begins = source.read(len(BOM))
    if begins.startswith(UTF16):
        return unreadable_delivery(table, Fault(READABLE, "the file is UTF-16; save it as UTF-8"), source)
    records = _Records(source, len(BOM) if begins == BOM else 0, limits.line_bytes)
    header = next(records, (0, ()))[1]
    problem = f"but {header.reason}" if isinstance(header, Fault) else _unusable(header, table, limits)
    if isinstance(header, Fault) or problem:
        return unreadable_delivery(table, Fault(READABLE, f"the first line should name the columns, {problem}"), source)
    reading = _Reading(table, records, [name.strip() for name in header], limits.rows)
    return reading.delivered(digest)


def _unusable(header: Sequence[str], table: Table, limits: FileLimits) -> str | None:
    """Why a file with this first line cannot be read at all; None when it can."""
    if len(header) > limits.columns:
        return f"but it names {len(header):,}, at most {limits.columns:,} are read"
    names = {column.name for column in table.columns}
    if len(header) == 1 and (mark := next((mark for mark in ";\t|" if mark in header[0]), None)):
        return f"but its cells are divided by {mark!r}: write commas"
    if header and not names & {name.strip() for name in header}:
        return f"but it begins with {header[0][:60]!r}"
    return None


class _Reading:
    """One file on its way to be a delivery."""

    def __init__(self, table: Table, records: "_Records", header: Sequence[str], most_rows: int) -> None:
        names = {column.name for column in table.columns}
        strange = [stranger(name) for name in dict.fromkeys(header) if name not in names]
        twice = [name for name in dict.fromkeys(header) if header.count(name) > 1]
        self._strange = strange + [Fault(KNOWN, f"column `{name}` comes {header.count(name)} times") for name in twice]
        self._place = {c.name: header.index(c.name) for c in table.columns if header.count(c.name) == 1}
        self._table, self._records, self._header, self._most_rows = table, records, header, most_rows
        self._starts, self._flaws = array("q"), Flaws()

    def delivered(self, digest: str) -> Delivered:
        """The rows, typed."""
        parts, cells = [], []
        for start, found in self._records:
            row = len(self._starts)
            if row >= self._most_rows:
                raise NotTaken(f"it has more than {self._most_rows:,} rows; cut it, or set FLYWHEEL_MAX_ROWS higher")
            self._starts.append(start)
            fault = found if isinstance(found, Fault) else self._misfit(found)
            for each in (*([fault] if fault else []), *self._strange):
                self._flaws.add(row, *each)
            cells.append([""] * len(self._header) if isinstance(found, Fault) or fault else found)
            if len(cells) == AT_ONCE:
                parts.append(self._typed(cells))
                cells = []
        parts.append(self._typed(cells))
        give_back()
        return Delivered(pa.concat_tables(parts), self._flaws, self._raws, digest)

    def _misfit(self, cells: Sequence[str]) -> Fault | None:
        if len(cells) != len(self._header):
            return Fault(READABLE, f"the line has {len(cells)} cells, the header {len(self._header)}")
        if any("\udc80" <= sign <= "\udcff" for cell in cells if not cell.isascii() for sign in cell):
            return Fault(READABLE, "the line is not UTF-8")
        return None

    def _typed(self, cells: Sequence[Sequence[str]]) -> pa.Table:
        first, columns = len(self._starts) - len(cells), {}
        for column in self._table.columns:
            place = self._place.get(column.name)
            values = [None] * len(cells) if place is None else [value_of(column, row[place]) for row in cells]
            read, wrong = read_values(column, values)
            columns[column.name] = read.cast(ARROW[column.dtype])
            for row, reason in wrong.items():
                self._flaws.add(first + row, TYPED, reason)
        return pa.table(columns)

    def _raws(self, rows: Sequence[int]) -> list[bytes]:
        return [self._raw(row) for row in rows]

    def _raw(self, row: int) -> bytes:
        """A row as a JSON line, so that it can be replayed; its bytes where it has not the header's cells."""
        raw, found = self._records.at(self._starts[row])
        if isinstance(found, Fault) or self._misfit(found):
            return raw
        defined = {column.name: column for column in self._table.columns}
        pairs = zip(self._header, found, strict=True)
        told = {name: _told(defined.get(name), cell) for name, cell in pairs}
        return msgspec.json.encode({name: value for name, value in told.items() if value is not None})


class _Lines:
    """The lines of a file, for the parser: `lines_taken` are those of the record that it is at."""

    def __init__(self, source: BinaryIO, most_bytes: int) -> None:
        self._source, self._most_bytes = source, most_bytes
        self.place, self.lines_taken = 0, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._source.readline(self._most_bytes + 1)
        self.place += len(line)
        if not line:
            raise StopIteration
        if len(line) > self._most_bytes:
            raise csv.Error(f"it has more than {self._most_bytes:,} bytes")
        self.lines_taken += 1
        if self.lines_taken > LONGEST_RECORD:
            raise csv.Error(f"a quote is not closed within {LONGEST_RECORD} lines")
        return line.decode(errors="surrogateescape")

    def go_to(self, place: int) -> None:
        """The next line is the one that begins at this byte, and the first of its record."""
        self._source.seek(place)
        self.place, self.lines_taken = place, 0

    def skip(self) -> None:
        """Leave a line out, however long it is."""
        line = b"-"
        while line and not line.endswith(b"\n"):
            line = self._source.readline(self._most_bytes)
            self.place += len(line)

    def between(self, start: int, end: int) -> bytes:
        """Bytes of the file."""
        self._source.seek(start)
        return self._source.read(end - start)


class _Records:
    """The records of a file, each with the place of its first byte: its cells, or why it has none.

    A record that cannot be parsed is its first line alone; what follows is read anew.
    """

    def __init__(self, source: BinaryIO, begin: int, most_bytes: int) -> None:
        self._lines, self._most_bytes = _Lines(source, most_bytes), most_bytes
        self._lines.go_to(begin)
        self._parser = csv.reader(self._lines, strict=True)

    def __iter__(self) -> Iterator[tuple[int, Cells]]:
        return self

    def __next__(self) -> tuple[int, Cells]:
        while True:
            start, self._lines.lines_taken = self._lines.place, 0
            try:
                cells = next(self._parser)
            except csv.Error as error:
                self._lines.go_to(start)
                self._lines.skip()
                return start, Fault(READABLE, f"the line is no CSV: {error}")
            if cells:
                return start, cells

    def at(self, start: int) -> tuple[bytes, Cells]:
        """The record that begins at a byte, and its bytes; of one that is too long, as many as a line may have."""
        self._lines.go_to(start)
        _, found = next(self)
        end = min(self._lines.place, start + self._most_bytes) if isinstance(found, Fault) else self._lines.place
        return self._lines.between(start, end).rstrip(b"\r\n"), found


def value_of(column: Column, cell: str) -> object:
    """What a cell means in a column: None for an empty one, the text itself where it is no value of the type."""
    if not cell and (column.nullable or column.dtype != "string"):
        return None
    return READ.get(column.dtype, str)(cell)


def _told(column: Column | None, cell: str) -> object:
    """What a cell is in a JSON line: a list as it stands, for not every one that can be read can be written anew."""
    value = value_of(column, cell) if column else cell
    return msgspec.Raw(cell.encode()) if isinstance(value, list) else value


def _whole(cell: str) -> object:
    return int(cell) if WHOLE.fullmatch(cell) else _number(cell)


def _number(cell: str) -> object:
    return float(cell) if NUMBER.fullmatch(cell) else cell


def _list(cell: str) -> object:
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    return found if isinstance(found, list) else cell


READ: dict[DType, Callable[[str], object]] = {
    "int32": _whole,
    "int64": _whole,
    "float32": _number,
    "float64": _number,
    "bool": lambda cell: TRUTH.get(cell.lower(), cell),
    "strings": _list,
    "floats": _list,
}
