"""A delivered CSV file: its cells are read strictly as the contract's types; a bad cell is a fault of its row."""

import csv
import json
import re
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import SEEK_END, BytesIO
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
    undefined_column,
    unreadable_delivery,
)
from validation.files.derived_columns import with_derived
from validation.files.flaws import Fault, Flaws
from validation.files.json_lines import BOM, UTF16, digest_within
from validation.files.typed_values import read_values

AT_ONCE = 50_000  # rows whose cells are Python texts at one time: they take ten times the room of their columns
LONGEST_RECORD = 50  # lines: after so many an open quote is an error, and the lines after its first are read again
INTEGER, NUMBER = re.compile(r"-?\d{1,19}"), re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
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
    digest, problem = digest_within(source, table, replace(limits, rows=sys.maxsize))  # a row may have many lines
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


def csv_records(source: BinaryIO, limits: FileLimits = NO_LIMITS) -> Iterator[tuple[bytes, Cells]]:
    """Every record of a file, the header first: its bytes with the line end, and its cells or why it has none."""
    begin = len(BOM) if source.read(len(BOM)) == BOM else 0
    records = _Records(source, begin, limits.line_bytes)
    starts = [(start, cells) for start, cells in records]
    size = source.seek(0, SEEK_END)
    for (start, cells), end in zip(starts, [*(place for place, _ in starts[1:]), size], strict=True):
        first = 0 if start == begin else start
        source.seek(first)
        yield source.read(end - first), cells


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
    """Reads one file into a delivery."""

    def __init__(self, table: Table, records: "_Records", header: Sequence[str], most_rows: int) -> None:
        names = {column.name for column in table.columns}
        undefined = [undefined_column(name) for name in dict.fromkeys(header) if name not in names]
        repeated = [name for name in dict.fromkeys(header) if header.count(name) > 1]
        undefined += [Fault(KNOWN, f"column `{name}` comes {header.count(name)} times") for name in repeated]
        self._of_every_row = undefined
        self._place = {c.name: header.index(c.name) for c in table.columns if header.count(c.name) == 1}
        self._table, self._records, self._header, self._most_rows = table, records, header, most_rows
        self._starts, self._flaws = array("q"), Flaws()

    def delivered(self, digest: str) -> Delivered:
        """The rows, typed."""
        parts, cells = [], []
        for start, cells_or_fault in self._records:
            row = len(self._starts)
            if row >= self._most_rows:
                raise NotTaken(f"it has more than {self._most_rows:,} rows; cut it, or set FLYWHEEL_MAX_ROWS higher")
            self._starts.append(start)
            fault = cells_or_fault if isinstance(cells_or_fault, Fault) else self._misfit(cells_or_fault)
            for each in (*([fault] if fault else []), *self._of_every_row):
                self._flaws.add(row, *each)
            cells.append([""] * len(self._header) if isinstance(cells_or_fault, Fault) or fault else cells_or_fault)
            if len(cells) == AT_ONCE:
                parts.append(self._typed(cells))
                cells = []
        parts.append(self._typed(cells))
        give_back()
        rows = with_derived(self._table, pa.concat_tables(parts), self._flaws)
        return Delivered(rows, self._flaws, self._raws, digest)

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
        """A row as a JSON line, so that it can be replayed; its bytes where its cells do not match the header."""
        raw, cells_or_fault = self._records.at(self._starts[row])
        if isinstance(cells_or_fault, Fault) or self._misfit(cells_or_fault):
            return raw
        defined = {column.name: column for column in self._table.columns}
        pairs = zip(self._header, cells_or_fault, strict=True)
        values = {name: _json_value(defined.get(name), cell) for name, cell in pairs}
        return msgspec.json.encode({name: value for name, value in values.items() if value is not None})


class _Lines:
    """The lines of a file, for the parser; `lines_taken` counts those of the current record."""

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
        """Skip one line of any length."""
        line = b"-"
        while line and not line.endswith(b"\n"):
            line = self._source.readline(self._most_bytes)
            self.place += len(line)

    def between(self, start: int, end: int) -> bytes:
        """Bytes of the file."""
        self._source.seek(start)
        return self._source.read(end - start)


class _Records:
    """The records of a file, each with the place of its first byte and its cells, or the fault that it has instead.

    A record that cannot be parsed is its first line alone; the lines after it are read again.
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
        _, cells_or_fault = next(self)
        end = self._lines.place
        if isinstance(cells_or_fault, Fault):
            end = min(end, start + self._most_bytes)
        return self._lines.between(start, end).rstrip(b"\r\n"), cells_or_fault


def value_of(column: Column, cell: str) -> object:
    """The value of a cell in a column: None for an empty one, the text itself where it is no value of the type."""
    if not cell and (column.nullable or column.dtype != "string"):
        return None
    return READ.get(column.dtype, str)(cell)


def _json_value(column: Column | None, cell: str) -> object:
    """The value of a cell in a JSON line; a list stays text, since not every list that is read can be encoded."""
    value = value_of(column, cell) if column else cell
    return msgspec.Raw(cell.encode()) if isinstance(value, list) else value


def _int_or_text(cell: str) -> object:
    return int(cell) if INTEGER.fullmatch(cell) else _float_or_text(cell)


def _float_or_text(cell: str) -> object:
    return float(cell) if NUMBER.fullmatch(cell) else cell


def _list_or_text(cell: str) -> object:
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    return value if isinstance(value, list) else cell


READ: dict[DType, Callable[[str], object]] = {
    "int32": _int_or_text,
    "int64": _int_or_text,
    "float32": _float_or_text,
    "float64": _float_or_text,
    "bool": lambda cell: TRUTH.get(cell.lower(), cell),
    "strings": _list_or_text,
    "floats": _list_or_text,
}
