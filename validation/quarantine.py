"""Quarantine: refused rows as they came, with the reason, until someone mends and replays them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import msgspec
import pyarrow as pa
import pyarrow.dataset as ds

from validation.lake import Lake

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


def folder(table: str) -> str:
    """The lake's name for a table's refused rows; its days are days of arrival."""
    return f"quarantine/{table}"


def rows_of(kept: Sequence[Quarantined], received_at: datetime) -> pa.Table:
    """Refused rows as quarantine holds them."""
    cells = {name: [getattr(row, name) for row in kept] for name in ("batch", "row", "rule", "reason", "raw")}
    return pa.table(cells | {"received_at": [received_at] * len(kept)}, schema=SCHEMA)


def waiting(
    lake: Lake, table: str, day: date | None = None, batch: str | None = None
) -> list[tuple[date, Quarantined]]:
    """The refused rows of a table with their day of arrival: of one day or all, of one batch or all."""
    days = lake.days(folder(table)) if day is None else [day]
    where = None if batch is None else ds.field("batch") == batch
    read = {each: lake.read(folder(table), [each], SCHEMA.names[:-1], where).to_pylist() for each in days}
    return [(each, Quarantined(**row)) for each, rows in read.items() for row in rows]


def count(lake: Lake, table: str, day: date, batch: str) -> int:
    """How many rows of a batch that arrived on a day wait."""
    return len(lake.read(folder(table), [day], ["row"], ds.field("batch") == batch, SCHEMA))


def without(lake: Lake, table: str, rows: Iterable[tuple[date, Quarantined]]) -> dict[date, pa.Table]:
    """What quarantine holds when these rows have left it: the days they lie in, each with the rows that stay."""
    gone: dict[date, set[tuple[str, int]]] = {}
    for day, row in rows:
        gone.setdefault(day, set()).add((row.batch, row.row))
    left = {}
    for day, keys in gone.items():
        held = lake.read(folder(table), [day], schema=SCHEMA)
        stays = [key not in keys for key in zip(held["batch"].to_pylist(), held["row"].to_pylist(), strict=True)]
        left[day] = held.filter(pa.array(stays, pa.bool_()))
    return left


def as_lines(rows: Iterable[Quarantined]) -> list[bytes]:
    """Refused rows as JSON lines for a person to mend: write the right row under `mended`, then replay with the file.

    Bytes that are not UTF-8 are shown with �.
    """
    return [
        msgspec.json.encode(
            {"batch": r.batch, "row": r.row, "reason": r.reason, "raw": r.raw.decode(errors="replace"), "mended": None}
        )
        for r in rows
    ]


def mended_by(lines: Iterable[bytes]) -> Mend:
    """The mend that a file of such lines describes, each with a row (an object) under `mended`."""
    mended: Mapping[tuple[str, int], bytes] = {
        (line.batch, line.row): bytes(line.mended)
        for line in (msgspec.json.decode(raw, type=_Mended) for raw in lines if raw.strip())
        if bytes(line.mended) != b"null"
    }
    return lambda row: mended.get((row.batch, row.row))


class _Mended(msgspec.Struct):
    batch: str
    row: int
    mended: msgspec.Raw = msgspec.Raw(b"null")
