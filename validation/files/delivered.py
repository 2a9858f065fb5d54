"""A batch as it was delivered: its rows typed, the faults of those that cannot be read, and their bytes."""

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
from validation.files.derived_columns import with_derived
from validation.files.flaws import Fault, Flaws
from validation.files.json_lines import BLOCK, JsonLines, digest_within, object_of, too_large_sentence
from validation.files.parquet_rows import BatchReader, RawRows, parquet_batches
from validation.files.parquet_size import AT_ONCE, size_of
from validation.files.typed_values import FaultTexts, read_array, read_values

READABLE, WITHIN, KNOWN, TYPED = "readable", "within_limits", "known_columns", "typed"
SHAPE = {
    READABLE: "a line is one JSON object, or one CSV row with the cells of its header, in UTF-8; a Parquet file opens",
    WITHIN: "the file, its rows, columns, lines and unpacked values are within the installation's limits",
    KNOWN: "every column is one of the table's: the values of a misspelt column would be lost without a word",
    TYPED: "every value is of its column's type and within its range; nothing is converted by a guess",
}
NAMED_COLUMNS = 20  # undefined columns that a row's reason names; a line may have thousands
QUARANTINED_BYTES = 1 << 24  # of a file that cannot be read, quarantine gets the first bytes; the file stays in place
BROKEN = (pa.ArrowException, OSError, ValueError, LookupError, OverflowError, MemoryError, RecursionError)
"""What Arrow raises for a broken Parquet file, from its footer to its last page."""
NO_LIMITS = FileLimits()
TypedColumn = tuple[pa.Array, FaultTexts]


@dataclass(frozen=True, slots=True)
class Delivered:
    """Rows not yet checked.

    rows    the table's columns, typed; null where nothing (or nothing readable) was delivered
    faults  row number → what is wrong with its shape
    raws    row numbers → their bytes as delivered (a Parquet row is written as a JSON line); a file is read again for
            them, so that it has to stay as it was until then
    digest  of the content: the same delivery twice has the same one
    erased  how many rows were left out, because they are about people who were erased
    """

    rows: pa.Table
    faults: Flaws
    raws: Callable[[Sequence[int]], list[bytes]]
    digest: str
    erased: int = 0

    def __len__(self) -> int:
        return int(self.rows.num_rows)


def delivered_from_jsonl(table: Table, content: bytes | BinaryIO, limits: FileLimits = NO_LIMITS) -> Delivered:
    """A delivery of JSON lines, from bytes or an open file. Blank lines are no rows."""
    source = _source(content)
    digest, problem = digest_within(source, table, limits)
    if problem:
        return _refused(table, Fault(WITHIN, problem), source, digest)
    lines, typed = JsonLines(source, limits), _TypedRows(table)
    for block in lines.blocks():
        typed.add_lines(block, lines.too_long)
    return typed.delivered(lines.raws, digest)


def delivered_from_lines(table: Table, lines: Sequence[bytes], digest: str | None = None) -> Delivered:
    """A delivery of rows, each the bytes of one JSON object."""
    typed = _TypedRows(table)
    for start in range(0, len(lines), AT_ONCE):
        typed.add_lines(lines[start : start + AT_ONCE])
    return typed.delivered(lambda rows: [lines[i] for i in rows], digest or digest_of(table, b"\n".join(lines)))


def delivered_from_parquet(table: Table, content: bytes | BinaryIO, limits: FileLimits = NO_LIMITS) -> Delivered:
    """A delivery of a Parquet file, from bytes or an open file; one that cannot be read is a single row."""
    source = _source(content)
    size = source.seek(0, 2)
    if size > limits.file_bytes:
        reason = too_large_sentence("the file", size, "bytes", limits.file_bytes, "FLYWHEEL_MAX_FILE_BYTES")
        return _refused(table, Fault(WITHIN, reason), source, digest_of(table, _head(source) + str(size).encode()))
    digest = digest_of(table, _blocks(source))
    try:
        unpacked = size_of(source, limits)
        if unpacked.problem:
            return _refused(table, Fault(WITHIN, unpacked.problem), source, digest)
        pa.default_memory_pool().release_unused()  # 40 MiB after a look into the dictionaries
        return _from_batches(table, parquet_batches(source, unpacked.at_once), digest)
    except BROKEN as error:
        reason = f"the file is no readable Parquet ({first_line(error)})"
        return _refused(table, Fault(READABLE, reason), source, digest)


def delivered_from_arrow(table: Table, rows: pa.Table, digest: str | None = None) -> Delivered:
    """A delivery of rows already in Arrow, such as a simulator makes."""
    empty = pa.RecordBatch.from_pylist([], rows.schema)
    return _from_batches(table, lambda: iter(rows.to_batches(AT_ONCE) or [empty]), digest or _content(table, rows))


def unreadable_delivery(table: Table, fault: Fault, content: bytes | BinaryIO) -> Delivered:
    """A delivery that cannot be read: a single row with the fault, and the content as its bytes."""
    source = _source(content)
    return _refused(table, fault, source, digest_of(table, _blocks(source)))


def digest_of(table: Table, content: bytes | Iterable[bytes]) -> str:
    """The digest that identifies a delivery: of the table's name and every byte."""
    digest = hashlib.sha256(table.name.encode() + b"\0")
    for block in [content] if isinstance(content, bytes) else content:
        digest.update(block)
    return digest.hexdigest()


def undefined_column(name: str) -> Fault:
    """The fault of a row with a column that the table does not define."""
    return Fault(KNOWN, f"column `{name[:60]}` is not defined; drop it or add it to the table's definition")


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its name where it has none."""
    return next(iter(str(error).splitlines()), type(error).__name__)


class _TypedRows:
    """Collects the rows of a delivery, typed in parts, so that few are Python objects at one time."""

    def __init__(self, table: Table) -> None:
        self._table, self._names = table, {column.name for column in table.columns}
        self._parts = [pa.table({c.name: pa.nulls(0, ARROW[c.dtype]) for c in table.columns})]
        self._rows, self._flaws = 0, Flaws()

    def add_lines(self, lines: Sequence[bytes | None], too_long: Callable[[int], Fault] | None = None) -> None:
        """Add rows, each the bytes of one JSON object; None is a line that is too long."""
        objects: list[Mapping[str, object]] = []
        for row, line in enumerate(lines, self._rows):
            cells = too_long(row) if line is None and too_long else object_of(line or b"")
            if isinstance(cells, Fault):
                self._flaws.add(row, *cells)
                objects.append({})
                continue
            if not cells.keys() <= self._names:
                self._add_undefined(row, sorted(cells.keys() - self._names))
            objects.append(cells)
        self.add(len(lines), {c.name: read_values(c, [o.get(c.name) for o in objects]) for c in self._table.columns})

    def add(self, rows: int, columns: Mapping[str, TypedColumn], of_every_row: Sequence[Fault] = ()) -> None:
        """Add typed columns, with a fault for each value of another type, and the faults that every row has."""
        for fault in of_every_row:
            for row in range(rows):
                self._flaws.add(self._rows + row, *fault)
        for column in self._table.columns:
            for row, reason in columns[column.name][1].items():
                self._flaws.add(self._rows + row, TYPED, reason)
        self._parts.append(pa.table({c.name: columns[c.name][0].cast(ARROW[c.dtype]) for c in self._table.columns}))
        self._rows += rows

    def delivered(self, raws: Callable[[Sequence[int]], list[bytes]], digest: str) -> Delivered:
        """The delivery of all rows added."""
        pa.default_memory_pool().release_unused()  # 30 MiB of unpacked values
        rows = with_derived(self._table, pa.concat_tables(self._parts), self._flaws)
        return Delivered(rows, self._flaws, raws, digest)

    def _add_undefined(self, row: int, names: Sequence[str]) -> None:
        for name in names[:NAMED_COLUMNS]:
            self._flaws.add(row, *undefined_column(name))
        if len(names) > NAMED_COLUMNS:
            self._flaws.add(row, KNOWN, f"{len(names) - NAMED_COLUMNS:,} more columns are not defined")


def _from_batches(table: Table, batches: BatchReader, digest: str) -> Delivered:
    typed = _TypedRows(table)
    for batch in batches():
        times = Counter(batch.schema.names)
        of_every_row = [undefined_column(name) for name in times if name not in {c.name for c in table.columns}]
        repeated = {name: n for name, n in times.items() if n > 1}
        of_every_row += [Fault(KNOWN, f"column `{name}` comes {n} times; keep one") for name, n in repeated.items()]
        absent: TypedColumn = pa.nulls(batch.num_rows), {}
        columns = {c.name: read_array(c, batch.column(c.name)) if times[c.name] == 1 else absent for c in table.columns}
        typed.add(batch.num_rows, columns, of_every_row)
    return typed.delivered(RawRows(batches), digest)


def _refused(table: Table, fault: Fault, source: BinaryIO, digest: str) -> Delivered:
    rows = pa.table({c.name: pa.nulls(1, ARROW[c.dtype]) for c in table.columns})
    size = source.seek(0, 2)
    cut = f"; quarantine has its first {QUARANTINED_BYTES:,} bytes, the file stays where it is"
    reason = fault.reason + (cut if size > QUARANTINED_BYTES else "")
    return Delivered(rows, Flaws({0: [(fault.rule, reason)]}), lambda _: [_head(source)], digest)


def _source(content: bytes | BinaryIO) -> BinaryIO:
    return BytesIO(content) if isinstance(content, bytes | bytearray | memoryview) else content


def _head(source: BinaryIO) -> bytes:
    source.seek(0)
    return source.read(QUARANTINED_BYTES)


def _blocks(source: BinaryIO) -> Iterable[bytes]:
    source.seek(0)
    while block := source.read(BLOCK):
        yield block


def _content(table: Table, rows: pa.Table) -> str:
    sink = BytesIO()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows.combine_chunks())
    return digest_of(table, sink.getvalue())
