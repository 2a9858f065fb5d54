"""Intake: a delivered batch goes into the lake, row by row accounted for."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from validation import ledger as ledgers
from validation import quarantine
from validation.contract import Table
from validation.delivered import (
    Delivered,
    delivered_from_arrow,
    delivered_from_jsonl,
    delivered_from_lines,
    delivered_from_parquet,
)
from validation.errors import BatchRefused
from validation.lake import Lake
from validation.ledger import Ledger
from validation.quarantine import Mend, Quarantined
from validation.sorting import Bools, Sorted, sort_out

__all__ = ["Delivered", "Ledger", "delivered_from_arrow", "delivered_from_jsonl", "delivered_from_parquet"]
__all__ += ["ingest", "replay"]

REFUSED = "batch_refused"


def ingest(lake: Lake, table: Table, delivered: Delivered, received_at: datetime, batch: str) -> Ledger:
    """Take a batch in: accepted rows to their day of receipt, refused rows to quarantine, one line to the ledger.

    A delivery whose every byte came before changes nothing and is all duplicate. Raises BatchRefused, after everything
    is written down, when the batch breaks one of the table's limits: then none of its rows is accepted.
    """
    with lake.locked(table.name):
        before = ledgers.read(lake, table.name, digest=delivered.digest)
        if before:
            line = _again(lake, before[0], received_at, batch)
        else:
            _forget(lake, table, delivered.digest)
            found = sort_out(table, delivered, received_at, lambda rows: _accepted_before(lake, table, rows))
            line = _line(lake, table, found, delivered, received_at, kind="ingest", batch=batch)
            refused = _to_quarantine(delivered, found, line, received_at)
            quarantine.put(lake, table.name, refused, received_at, _part(delivered.digest))
            if not line.refused:
                _store(lake, table, found.accepted, delivered.digest)
        ledgers.write(lake, line)
    if line.refused:
        raise BatchRefused(_why(line, before[0] if before else line), line)
    return line


def replay(
    lake: Lake,
    table: Table,
    day: date | None,
    received_at: datetime,
    mend: Mend | None = None,
    *,
    batch: str | None = None,
) -> Ledger:
    """Take quarantined rows up again: those that arrived on `day`, or in `batch`, or all where both are None.

    `mend` says what a row should have been; without it rows are judged as they are, which helps when a definition or a
    limit was wrong. What is in order now is accepted as received now (nobody could use it earlier) and leaves
    quarantine, as does what turns out to be a duplicate. The limits of a batch are not asked again.
    """
    with lake.locked(table.name):
        rows = quarantine.waiting(lake, table.name, day, batch)
        lines = [(mend(row) if mend else None) or row.raw for _, row in rows]
        delivered = _received(table, delivered_from_lines(table, lines, _digest(table, rows, received_at)), received_at)
        found = sort_out(table, delivered, received_at, lambda sound: _accepted_before(lake, table, sound))
        name = f"replay-{batch or day or 'all'}"
        line = _line(lake, table, found, delivered, received_at, kind="replay", batch=name)
        if rows:
            _store(lake, table, found.accepted, delivered.digest)
            ledgers.write(lake, line)
            quarantine.take_out(lake, table.name, [row for i, row in enumerate(rows) if i not in found.broken])
    return line


def _again(lake: Lake, first: Ledger, received_at: datetime, batch: str) -> Ledger:
    """The line of a delivery that came before; a refused one stays refused while its rows wait in quarantine."""
    waits = first.refused and bool(quarantine.waiting(lake, first.table, None, first.batch))
    n = first.received
    checks = first.checks if waits else ()
    return Ledger(batch, first.table, "ingest", n, 0, n, 0, waits, received_at, first.digest, checks=checks)


def _line(
    lake: Lake,
    table: Table,
    found: Sorted,
    delivered: Delivered,
    received_at: datetime,
    *,
    kind: Literal["ingest", "replay"],
    batch: str,
) -> Ledger:
    received, digest = len(delivered), delivered.digest
    refused = kind == "ingest" and bool(found.refused_by)
    reasons = dict(Counter(rule for broken in found.broken.values() for rule in {rule for rule, _ in broken}))
    checks = found.checks if kind == "ingest" else tuple(c for c in found.checks if c.level == "row")
    if refused:
        told = reasons | {REFUSED: received}
        return Ledger(batch, table.name, kind, received, 0, 0, received, True, received_at, digest, told, checks=checks)
    accepted, days = found.accepted.num_rows, tuple(sorted(pc.unique(_days(table, found.accepted)).to_pylist()))
    unknown = _unknown(lake, table, found.accepted)
    counts = (received, accepted, found.duplicate, len(found.broken))
    return Ledger(batch, table.name, kind, *counts, False, received_at, digest, reasons, unknown, days, checks)


def _to_quarantine(delivered: Delivered, found: Sorted, line: Ledger, received_at: datetime) -> pa.Table:
    rows = range(len(delivered)) if line.refused else list(found.broken)
    all_of_it = ((REFUSED, f"batch refused: {_limits(line)}"),) if line.refused else ()

    def reasons(row: int) -> tuple[tuple[str, str], ...]:
        return (*found.broken.get(row, ()), *all_of_it)

    return quarantine.rows_of(line.batch, rows, reasons, delivered.raws, received_at)


def _accepted_before(lake: Lake, table: Table, rows: pa.Table) -> Bools:
    """Whether rows of these identities are in the lake; reads only their columns, and only rows alike in the first."""
    known = np.zeros(rows.num_rows, dtype=bool)
    if not lake.days(f"tables/{table.name}"):
        return known
    first = table.identity[0]
    values = pc.unique(rows[first]) if rows.num_rows else []
    past = (
        lake.read(f"tables/{table.name}", None, table.identity, ds.field(first).isin(values)) if len(values) else rows
    )
    if rows.num_rows and past.num_rows:
        numbered = rows.append_column("row number", pa.array(np.arange(rows.num_rows)))
        met = numbered.join(past, list(table.identity), join_type="left semi")
        known[met["row number"].to_numpy()] = True
    return known


def _store(lake: Lake, table: Table, rows: pa.Table, digest: str) -> None:
    for day, some in _by_day(table, rows):
        lake.append(f"tables/{table.name}", day, some, _part(digest))


def _by_day(table: Table, rows: pa.Table) -> list[tuple[date, pa.Table]]:
    """Rows by their day of receipt, in order."""
    days = _days(table, rows)
    found = sorted(pc.unique(days).to_pylist())
    return [(day, rows if len(found) == 1 else rows.filter(pc.equal(days, pa.scalar(day)))) for day in found]


def _days(table: Table, rows: pa.Table) -> pa.ChunkedArray:
    return pc.cast(pc.floor_temporal(rows[table.received_time], unit="day"), pa.date32())


def _received(table: Table, delivered: Delivered, received_at: datetime) -> Delivered:
    """The same rows, received now."""
    place, rows = delivered.rows.column_names.index(table.received_time), delivered.rows
    now = pa.array([received_at] * len(delivered), rows.column(place).type)
    rows = rows.set_column(place, table.received_time, now)
    return Delivered(rows, delivered.faults, delivered.raws, delivered.digest)


def _unknown(lake: Lake, table: Table, rows: pa.Table) -> dict[str, float]:
    """Column → share of rows whose value is not found where it refers to: more may come, so this only warns."""
    shares = {}
    for column in table.columns:
        if column.refers_to and rows.num_rows:
            values = rows[column.name]
            wanted = ds.field(column.name).isin(pc.unique(values).drop_null())
            there = lake.read(f"tables/{column.refers_to}", None, [column.name], wanted)
            known = pc.sum(pc.is_in(values, there.column(0).drop_null())).as_py() if there.num_columns else 0
            shares[column.name] = 1 - (known or 0) / max(len(values) - values.null_count, 1)
    return shares


def _forget(lake: Lake, table: Table, digest: str) -> None:
    """Remove what an earlier attempt left that died before it wrote its ledger line."""
    for name in (f"tables/{table.name}", quarantine.folder(table.name)):
        for path in lake.parts(name, _part(digest)):
            path.unlink()


def _part(digest: str) -> str:
    return digest[:24]


def _digest(table: Table, rows: Sequence[tuple[date, Quarantined]], received_at: datetime) -> str:
    told = "\n".join(f"{row.batch} {row.row}" for _, row in rows)
    return hashlib.sha256(f"{table.name} replay {received_at} {told}".encode()).hexdigest()


def _limits(line: Ledger) -> str:
    broken = [check for check in line.checks if check.level == "batch" and not check.passed]
    return "; ".join(f"{check.rule} is {check.measured} ({check.asked})" for check in broken)


def _why(line: Ledger, first: Ledger) -> str:
    day = f"{first.received_at:%Y-%m-%d}"
    most = sorted(((n, rule) for rule, n in first.reasons.items() if rule != REFUSED), reverse=True)[:3]
    rows = "".join(f"\n  {n:,} rows ({n / max(first.received, 1):.1%}) break {rule}" for n, rule in most)
    again = " was refused before and still waits" if line is not first else ""
    return (
        f"{line.table}, batch {line.batch}, {line.received:,} rows{again}: {_limits(first)}.{rows}\n"
        f"  All its rows are in quarantine/{line.table}/{day}. Mend them and run `flywheel ingest --replay {day}`."
    )
