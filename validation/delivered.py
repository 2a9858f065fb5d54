"""A batch as it was delivered: raw rows, what could be read of them, and what could not."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from validation.arrow import ARROW
from validation.contract import Table
from validation.readings import Faults, read_array, read_values

READABLE, KNOWN, TYPED = "readable", "known_columns", "typed"
SHAPE = {
    READABLE: "a line is one JSON object, or has the cells a CSV header names, in UTF-8; a Parquet file can be opened",
    KNOWN: "every column is one of the table's: a misspelt one would be lost in silence",
    TYPED: "every value is of its column's type, without a guess",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row could not be taken as it is: the rule of its shape that it breaks, and the sentence people read."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """Rows not yet checked.

    rows    the table's columns, typed; null where nothing (or nothing readable) was delivered
    faults  row number → what is wrong with its shape
    raws    row numbers → their bytes as delivered (a Parquet row is written as a JSON line)
    digest  of the content: the same delivery twice has the same one
    """

    rows: pa.Table
    faults: Mapping[int, tuple[Fault, ...]]
    raws: Callable[[Sequence[int]], list[bytes]]
    digest: str

    def __len__(self) -> int:
        return int(self.rows.num_rows)


def delivered_from_jsonl(table: Table, content: bytes) -> Delivered:
    """A delivery of JSON lines. Blank lines are no rows."""
    lines = [line.rstrip(b"\r") for line in content.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    return delivered_from_lines(table, [line for line in lines if line.strip()], digest_of(table, content))


def delivered_from_lines(table: Table, lines: Sequence[bytes], digest: str | None = None) -> Delivered:
    """A delivery of rows, each the bytes of one JSON object."""
    names = {column.name for column in table.columns}
    objects: list[Mapping[str, object]] = []
    faults: dict[int, list[Fault]] = {}
    for row, line in enumerate(lines):
        found = _object(line)
        if isinstance(found, Fault):
            faults[row], found = [found], {}
        elif not found.keys() <= names:
            faults[row] = [stranger(name) for name in sorted(found.keys() - names)]
        objects.append(found)
    columns = {c.name: read_values(c, [o.get(c.name) for o in objects]) for c in table.columns}
    return _delivered(
        table, columns, faults, lambda rows: [lines[i] for i in rows], digest or digest_of(table, b"\n".join(lines))
    )


def delivered_from_parquet(table: Table, content: bytes) -> Delivered:
    """A delivery of a Parquet file; one that cannot be opened is a single row."""
    digest = digest_of(table, content)
    try:
        return delivered_from_arrow(table, pq.read_table(BytesIO(content)), digest)
    except (pa.ArrowException, OSError, ValueError) as error:
        return nothing_but(table, Fault(READABLE, f"the file is no readable Parquet ({_first_line(error)})"), content)


def delivered_from_arrow(table: Table, given: pa.Table, digest: str | None = None) -> Delivered:
    """A delivery of rows already in Arrow, such as a simulator makes."""
    times = Counter(given.column_names)
    strangers = [stranger(name) for name in times if name not in {c.name for c in table.columns}]
    strangers += [Fault(KNOWN, f"column `{name}` comes {n} times; keep one") for name, n in times.items() if n > 1]
    faults = {row: list(strangers) for row in range(given.num_rows)} if strangers else {}
    absent: tuple[pa.Array, Faults] = pa.nulls(given.num_rows), {}
    columns = {c.name: read_array(c, given[c.name]) if times[c.name] == 1 else absent for c in table.columns}
    return _delivered(
        table, columns, faults, lambda rows: _as_lines(given.take(list(rows))), digest or _content(table, given)
    )


def nothing_but(table: Table, fault: Fault, content: bytes) -> Delivered:
    """A delivery of which nothing can be read: a single row, with the whole content as its bytes."""
    rows = pa.table({c.name: pa.nulls(1, ARROW[c.dtype]) for c in table.columns})
    return Delivered(rows, {0: (fault,)}, lambda _: [content], digest_of(table, content))


def digest_of(table: Table, content: bytes) -> str:
    """What tells one delivery from another: the table and every byte."""
    return hashlib.sha256(table.name.encode() + b"\0" + content).hexdigest()


def _delivered(
    table: Table,
    columns: Mapping[str, tuple[pa.Array, Mapping[int, str]]],
    faults: dict[int, list[Fault]],
    raws: Callable[[Sequence[int]], list[bytes]],
    digest: str,
) -> Delivered:
    for column in table.columns:
        for row, reason in columns[column.name][1].items():
            faults.setdefault(row, []).append(Fault(TYPED, reason))
    rows = pa.table({c.name: columns[c.name][0].cast(ARROW[c.dtype]) for c in table.columns})
    return Delivered(rows, {row: tuple(found) for row, found in sorted(faults.items())}, raws, digest)


def _object(line: bytes) -> Mapping[str, object] | Fault:
    try:
        found = msgspec.json.decode(line)
    except (ValueError, RecursionError):
        found = _told_by_json(line)
    if isinstance(found, dict | Fault):
        return found
    return Fault(READABLE, f"the line is JSON but no object: {type(found).__name__}")


def _told_by_json(line: bytes) -> object:
    """What Python's own reader makes of it: it takes NaN and Infinity, which then are faults of one value alone."""
    try:
        return json.loads(line.decode())
    except UnicodeDecodeError as error:
        return Fault(READABLE, f"the line is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}")
    except RecursionError:
        return Fault(READABLE, "the line is nested too deeply")
    except ValueError as error:
        return Fault(READABLE, f"the line is not JSON: {error}")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def stranger(name: str) -> Fault:
    """The fault of a row that has a column which the table has not."""
    return Fault(KNOWN, f"column `{name[:60]}` is not defined; drop it or add it to the table's definition")


def _as_lines(rows: pa.Table) -> list[bytes]:
    return [json.dumps(row, default=_as_json).encode() for row in rows.to_pylist()]


def _as_json(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _content(table: Table, given: pa.Table) -> str:
    sink = BytesIO()
    with pa.ipc.new_stream(sink, given.schema) as stream:
        stream.write_table(given.combine_chunks())
    return digest_of(table, sink.getvalue())
