"""Quarantine: refused rows as they were delivered, with the reason, until they are mended and replayed."""

import codecs
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

from infra.errors import MendRefused
from infra.lake import Lake, in_parts
from infra.pseudonyms import Pseudonyms
from validation.contract import Table
from validation.files import line_with_pseudonyms, printable

DISCARDED = "discarded"  # the lake's folder of rows that were given up
AT_ONCE = 10_000  # rows that are Python objects at one time
SCHEMA = pa.schema([
    ("batch", pa.string()), ("row", pa.int64()), ("rule", pa.string()), ("reason", pa.string()),
    ("raw", pa.large_binary()), ("received_at", pa.timestamp("us", tz="UTC")),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One refused row: its batch and row number as delivered, the rules it breaks, why, and its raw bytes."""

    batch: str
    row: int
    rule: str
    reason: str
    raw: bytes


Mend = Callable[[Quarantined], bytes | None]
"""What a refused row should have been, as the bytes of a JSON object; None leaves the row where it is."""


def quarantine_folder(table: str) -> str:
    """The lake's name for a table's refused rows; its days are days of arrival."""
    return f"quarantine/{table}"


def rows_of(
    batch: str,
    rows: NDArray[np.int64],
    reasons: Callable[[int], Sequence[tuple[str, str]]],
    raws: Callable[[Sequence[int]], list[bytes]],
    received_at: datetime,
) -> Iterator[pa.Table]:
    """Refused rows of a batch as quarantine stores them, in parts: a million are never in memory together.

    reasons  row number → the rules that it breaks, each with the sentence about it
    raws     row numbers → their bytes as delivered
    """
    for start in range(0, len(rows), AT_ONCE):
        row_numbers = rows[start : start + AT_ONCE].tolist()
        reasons_by_row = [reasons(row) for row in row_numbers]
        cells = {
            "batch": [batch] * len(row_numbers),
            "row": row_numbers,
            "rule": [", ".join(dict.fromkeys(rule for rule, _ in each)) for each in reasons_by_row],
            "reason": ["; ".join(reason for _, reason in each) for each in reasons_by_row],
            "raw": raws(row_numbers),
            "received_at": [received_at] * len(row_numbers),
        }
        yield pa.table(cells, schema=SCHEMA)


def waiting_rows(
    lake: Lake, table: str, day: date | None = None, batch: str | None = None
) -> list[tuple[date, Quarantined]]:
    """The refused rows of a table with their day of arrival: of one day or all, of one batch or all."""
    days = lake.days(quarantine_folder(table)) if day is None else [day]
    where = None if batch is None else ds.field("batch") == batch
    read = {each: lake.read(quarantine_folder(table), [each], SCHEMA.names[:-1], where).to_pylist() for each in days}
    return [(each, Quarantined(**row)) for each, rows in read.items() for row in rows]


def read_quarantine(
    lake: Lake, table: str, day: date, columns: Sequence[str], where: ds.Expression | None = None
) -> Iterator[pa.RecordBatch]:
    """These columns of the refused rows that arrived on a day, in parts: a million raws are a gigabyte."""
    files = lake.files(quarantine_folder(table), [day])
    if files:
        yield from in_parts(files, SCHEMA, columns, where)


def count(lake: Lake, table: str, day: date, batch: str) -> int:
    """How many rows of a batch that arrived on a day wait."""
    return sum(part.num_rows for part in read_quarantine(lake, table, day, ["row"], ds.field("batch") == batch))


def without(lake: Lake, table: str, rows: Iterable[tuple[date, Quarantined]]) -> dict[date, pa.Table]:
    """The days of these rows, each with the rows that stay in quarantine when these have left it."""
    leaving: dict[date, set[tuple[str, int]]] = {}
    for day, row in rows:
        leaving.setdefault(day, set()).add((row.batch, row.row))
    rows_by_day = {}
    for day, keys in leaving.items():
        waiting = lake.read(quarantine_folder(table), [day], schema=SCHEMA)
        stays = [key not in keys for key in zip(waiting["batch"].to_pylist(), waiting["row"].to_pylist(), strict=True)]
        rows_by_day[day] = waiting.filter(pa.array(stays, pa.bool_()))
    return rows_by_day


def mending_lines(rows: Iterable[Quarantined]) -> list[bytes]:
    """Refused rows as JSON lines for a person to mend: write the right row under `mended`, then replay with the file.

    Bytes that are not UTF-8 are shown with �.
    """
    return [
        msgspec.json.encode(
            {"batch": r.batch, "row": r.row, "reason": r.reason, "raw": r.raw.decode(errors="replace"), "mended": None}
        )
        for r in rows
    ]


@dataclass(frozen=True, slots=True)
class Mended:
    """A Mend made from a file of lines: (batch, row) → what the row should have been."""

    rows: Mapping[tuple[str, int], bytes]

    def __call__(self, row: Quarantined) -> bytes | None:
        return self.rows.get((row.batch, row.row))

    def unmet(self, waiting: Iterable[Quarantined]) -> list[tuple[str, int]]:
        """The rows that the file names and that do not wait."""
        waiting_keys = {(row.batch, row.row) for row in waiting}
        return [key for key in self.rows if key not in waiting_keys]


def mended_by(content: bytes | Iterable[bytes]) -> Mended:
    """The mend made from a file of such lines, each with a row (an object) under `mended`.

    The content may begin with a byte order mark, of UTF-8 or UTF-16. Raises MendRefused for a line of another form.
    """
    rows: dict[tuple[str, int], bytes] = {}
    for number, raw in enumerate(_utf8(content).split(b"\n") if isinstance(content, bytes) else content, 1):
        if not raw.removeprefix(codecs.BOM_UTF8).strip():
            continue
        line = _mended(number, raw.removeprefix(codecs.BOM_UTF8))
        mended, key = bytes(line.mended), (line.batch, line.row)
        if mended == b"null":
            continue
        if rows.setdefault(key, mended) != mended:
            raise MendRefused(
                f"mend file, line {number}: it mends row {line.row} of batch {line.batch}, which an earlier line "
                "mends otherwise. Keep one."
            )
    return Mended(rows)


def mend_with_pseudonyms(mend: Mend | None, table: Table, ids: Pseudonyms | None) -> Mend | None:
    """The mend with pseudonyms: a person who mends a row may write an id as it came."""
    if mend is None or ids is None:
        return mend

    def mended(row: Quarantined) -> bytes | None:
        line = mend(row)
        return None if line is None else line_with_pseudonyms(table, line, ids)

    return mended


def _utf8(content: bytes) -> bytes:
    if not content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content
    try:
        return content.decode("utf-16").encode()
    except UnicodeError as error:
        raise MendRefused(f"mend file: its mark says UTF-16, which it is not ({error}). Save it as UTF-8.") from error


def _mended(number: int, line: bytes) -> "_Mended":
    try:
        return msgspec.json.decode(line, type=_Mended)
    except (ValueError, RecursionError) as error:
        form = 'a line is {"batch": …, "row": …, "mended": {the row}}, as --export writes it'
        raise MendRefused(
            f"mend file, line {number}: {printable(str(error))}; {form}. Nothing was replayed."
        ) from error


class _Mended(msgspec.Struct):
    batch: str
    row: int
    mended: msgspec.Raw = msgspec.Raw(b"null")
