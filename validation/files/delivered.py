"""A batch as it was delivered: raw rows, what could be read of them, and what could not."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

import pyarrow as pa

from infra.settings import FileLimits
from validation.arrow import ARROW
from validation.contract import Table
from validation.files.flaws import Fault, Flaws
from validation.files.json_lines import BLOCK, JsonLines, object_of, surveyed, too_large_sentence
from validation.files.parquet_rows import BatchReader, RawRows, parquet_batches
from validation.files.parquet_size import AT_ONCE, size_of
from validation.files.typed_values import FaultTexts, read_array, read_values

READABLE, WITHIN, KNOWN, TYPED = "readable", "within_limits", "known_columns", "typed"
SHAPE = {
    READABLE: "a line is one JSON object, or has the cells a CSV header names, in UTF-8; a Parquet file can be read",
    WITHIN: "the file, its rows, columns, lines and unpacked values are within the installation's limits",
    KNOWN: "every column is one of the table's: a misspelt one would be lost in silence",
    TYPED: "every value is of its column's type, without a guess",
}
STRANGERS = 20  # named in a row's reason: who puts a thousand into a line need not read them all
KEPT = 1 << 24  # bytes of a file that cannot be read: so much of it goes to quarantine, all of it stays where it lies
BROKEN = (pa.ArrowException, OSError, ValueError, LookupError, OverflowError, MemoryError, RecursionError)
"""What a broken Parquet file raises out of Arrow, be it in its footer or in its last page."""
NO_LIMITS = FileLimits()


@dataclass(frozen=True, slots=True)
class Delivered:
    """Rows not yet checked.

    rows    the table's columns, typed; null where nothing (or nothing readable) was delivered
    faults  row number → what is wrong with its shape
    raws    row numbers → their bytes as delivered (a Parquet row is written as a JSON line); a file is read again for
            them, so that it has to stay as it was until then
    digest  of the content: the same delivery twice has the same one
    """

    rows: pa.Table
    faults: Flaws
    raws: Callable[[Sequence[int]], list[bytes]]
    digest: str

    def __len__(self) -> int:
        return int(self.rows.num_rows)


def delivered_from_jsonl(table: Table, content: bytes | BinaryIO, limits: FileLimits = NO_LIMITS) -> Delivered:
    """A delivery of JSON lines, from bytes or an open file. Blank lines are no rows."""
    source = _source(content)
    digest, problem = surveyed(source, table, limits)
    if problem:
        return _refused(table, Fault(WITHIN, problem), source, digest)
    lines, gathered = JsonLines(source, limits), _Gathered(table)
    for block in lines.blocks():
        gathered.add_lines(block, lines.too_long)
    return gathered.delivered(lines.raws, digest)


def delivered_from_lines(table: Table, lines: Sequence[bytes], digest: str | None = None) -> Delivered:
    """A delivery of rows, each the bytes of one JSON object."""
    gathered = _Gathered(table)
    for start in range(0, len(lines), AT_ONCE):
        gathered.add_lines(lines[start : start + AT_ONCE])
    return gathered.delivered(lambda rows: [lines[i] for i in rows], digest or digest_of(table, b"\n".join(lines)))


def delivered_from_parquet(table: Table, content: bytes | BinaryIO, limits: FileLimits = NO_LIMITS) -> Delivered:
    """A delivery of a Parquet file, from bytes or an open file; one that cannot be read is a single row."""
    source = _source(content)
    size = source.seek(0, 2)
    if size > limits.file_bytes:
        told = too_large_sentence("the file", size, "bytes", limits.file_bytes, "FLYWHEEL_MAX_FILE_BYTES")
        return _refused(table, Fault(WITHIN, told), source, digest_of(table, _head(source) + str(size).encode()))
    digest = digest_of(table, _blocks(source))
    try:
        found = size_of(source, limits)
        if found.problem:
            return _refused(table, Fault(WITHIN, found.problem), source, digest)
        pa.default_memory_pool().release_unused()  # 40 MiB after a look into the dictionaries
        return _from_batches(table, parquet_batches(source, found.at_once), digest)
    except BROKEN as error:
        told = f"the file is no readable Parquet ({first_line(error)})"
        return _refused(table, Fault(READABLE, told), source, digest)


def delivered_from_arrow(table: Table, given: pa.Table, digest: str | None = None) -> Delivered:
    """A delivery of rows already in Arrow, such as a simulator makes."""
    empty = pa.RecordBatch.from_pylist([], given.schema)
    return _from_batches(table, lambda: iter(given.to_batches(AT_ONCE) or [empty]), digest or _content(table, given))


def unreadable_delivery(table: Table, fault: Fault, content: bytes | BinaryIO) -> Delivered:
    """A delivery of which nothing can be read: a single row, with the content as its bytes."""
    source = _source(content)
    return _refused(table, fault, source, digest_of(table, _blocks(source)))


def digest_of(table: Table, content: bytes | Iterable[bytes]) -> str:
    """What tells one delivery from another: the table and every byte."""
    found = hashlib.sha256(table.name.encode() + b"\0")
    for block in [content] if isinstance(content, bytes) else content:
        found.update(block)
    return found.hexdigest()


def stranger(name: str) -> Fault:
    """The fault of a row that has a column which the table has not."""
    return Fault(KNOWN, f"column `{name[:60]}` is not defined; drop it or add it to the table's definition")


def first_line(error: Exception) -> str:
    """What an error says first, or its name where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)


class _Gathered:
    """Rows on their way to be a delivery: typed some at a time, so that few are Python objects at one time."""

    def __init__(self, table: Table) -> None:
        self._table, self._names = table, {column.name for column in table.columns}
        self._parts = [pa.table({c.name: pa.nulls(0, ARROW[c.dtype]) for c in table.columns})]
        self._rows, self._flaws = 0, Flaws()

    def add_lines(self, lines: Sequence[bytes | None], too_long: Callable[[int], Fault] | None = None) -> None:
        """Add rows, each the bytes of one JSON object; None is a line that is too long."""
        objects: list[Mapping[str, object]] = []
        for row, line in enumerate(lines, self._rows):
            found = too_long(row) if line is None and too_long else object_of(line or b"")
            if isinstance(found, Fault):
                self._flaws.add(row, *found)
                objects.append({})
                continue
            if not found.keys() <= self._names:
                self._strange(row, sorted(found.keys() - self._names))
            objects.append(found)
        self.add(len(lines), {c.name: read_values(c, [o.get(c.name) for o in objects]) for c in self._table.columns})

    def add(self, rows: int, columns: Mapping[str, tuple[pa.Array, FaultTexts]], strange: Sequence[Fault] = ()) -> None:
        """Add typed columns, with a fault for each value that is none of its type; every row has the strange ones."""
        for fault in strange:
            for row in range(rows):
                self._flaws.add(self._rows + row, *fault)
        for column in self._table.columns:
            for row, reason in columns[column.name][1].items():
                self._flaws.add(self._rows + row, TYPED, reason)
        self._parts.append(pa.table({c.name: columns[c.name][0].cast(ARROW[c.dtype]) for c in self._table.columns}))
        self._rows += rows

    def delivered(self, raws: Callable[[Sequence[int]], list[bytes]], digest: str) -> Delivered:
        """All of it."""
        pa.default_memory_pool().release_unused()  # 30 MiB of what was unpacked on the way
        return Delivered(pa.concat_tables(self._parts), self._flaws, raws, digest)

    def _strange(self, row: int, names: Sequence[str]) -> None:
        for name in names[:STRANGERS]:
            self._flaws.add(row, *stranger(name))
        if len(names) > STRANGERS:
            self._flaws.add(row, KNOWN, f"{len(names) - STRANGERS:,} more columns are not defined")


def _from_batches(table: Table, batches: BatchReader, digest: str) -> Delivered:
    gathered = _Gathered(table)
    for batch in batches():
        times = Counter(batch.schema.names)
        strange = [stranger(name) for name in times if name not in {c.name for c in table.columns}]
        strange += [Fault(KNOWN, f"column `{name}` comes {n} times; keep one") for name, n in times.items() if n > 1]
        absent: tuple[pa.Array, FaultTexts] = pa.nulls(batch.num_rows), {}
        columns = {c.name: read_array(c, batch.column(c.name)) if times[c.name] == 1 else absent for c in table.columns}
        gathered.add(batch.num_rows, columns, strange)
    return gathered.delivered(RawRows(batches), digest)


def _refused(table: Table, fault: Fault, source: BinaryIO, digest: str) -> Delivered:
    rows = pa.table({c.name: pa.nulls(1, ARROW[c.dtype]) for c in table.columns})
    size = source.seek(0, 2)
    kept = f"; its first {KEPT:,} bytes are kept here, all of it is where it lies" if size > KEPT else ""
    return Delivered(rows, Flaws({0: [(fault.rule, fault.reason + kept)]}), lambda _: [_head(source)], digest)


def _source(content: bytes | BinaryIO) -> BinaryIO:
    return BytesIO(content) if isinstance(content, bytes | bytearray | memoryview) else content


def _head(source: BinaryIO) -> bytes:
    source.seek(0)
    return source.read(KEPT)


def _blocks(source: BinaryIO) -> Iterable[bytes]:
    source.seek(0)
    while block := source.read(BLOCK):
        yield block


def _content(table: Table, given: pa.Table) -> str:
    sink = BytesIO()
    with pa.ipc.new_stream(sink, given.schema) as stream:
        stream.write_table(given.combine_chunks())
    return digest_of(table, sink.getvalue())
