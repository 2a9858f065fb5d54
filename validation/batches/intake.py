"""Intake: a delivered batch goes into the lake, and every row of it is counted in the ledger."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from infra.failpoint import reached
from infra.giving_back import give_back
from infra.lake import Lake
from validation.batches import ledger as ledgers
from validation.batches import quarantine
from validation.batches.accepted import AcceptedRows
from validation.batches.change import Change, changing
from validation.batches.chosen import Chosen
from validation.batches.corrections import DIFFERS
from validation.batches.first_receipt import days_without
from validation.batches.judged import JudgedBatch, judge_batch
from validation.batches.ledger import BatchRefused, Ledger
from validation.batches.people import erased_people, rows_about, without_people
from validation.batches.quarantine import Mend, Quarantined
from validation.batches.unit_jumps import jumps
from validation.contract import EARLIEST, Table
from validation.files import (
    Delivered,
    delivered_from_arrow,
    delivered_from_jsonl,
    delivered_from_lines,
    delivered_from_parquet,
)

__all__ = ["Delivered", "Ledger", "delivered_from_arrow", "delivered_from_jsonl", "delivered_from_parquet"]
__all__ += ["discard", "ingest", "replay"]

REFUSED = "batch_refused"
EPOCH, DAY = date(1970, 1, 1), 86_400_000_000  # in µs


def ingest(
    lake: Lake,
    table: Table,
    delivered: Delivered,
    received_at: datetime,
    batch: str,
    *,
    handed_over: bool = False,
    history: bool = False,
) -> Ledger:
    """Take in a batch that arrives at `received_at`: accepted rows go to their day of receipt, refused rows to
    quarantine, one line to the ledger.

    A row counts as received when it says, at most RECEIPT_TOLERANCE before its arrival; of `history` what rows say is
    believed. A delivery with the bytes of an earlier one changes nothing: all its rows are duplicates, unless they are
    known earlier by it. Raises BatchRefused, after everything is written, when the batch breaks one of the table's
    limits: then none of its rows is accepted. Files that our own service has `handed_over` hold acknowledged events of
    many clients: limits only warn. Rows about people who were erased are left out, and counted.
    """
    with changing(lake, table.name) as change:
        delivered = without_people(table, delivered, erased_people(lake))
        before = ledgers.read_ledger(lake, table.name, digest=delivered.digest)
        if before:
            line = _again(lake, before[0], received_at, batch, delivered.erased)
            if (history or before[0].received_at > received_at) and not line.refused:  # it may be known earlier now
                accepted_before = AcceptedRows(lake, table)
                result = judge_batch(table, delivered, received_at, accepted_before, handed_over, history)
                _put_first(change, result, accepted_before, delivered, received_at)
            change.commit(line)
            reached("intake.repeated")
        else:
            _forget(lake, table, delivered.digest)
            line = _take(change, table, delivered, received_at, batch, handed_over, history)
    if line.refused:
        raise BatchRefused(_why(line, before[0] if before else line), line)
    return line


def _take(
    change: Change,
    table: Table,
    delivered: Delivered,
    received_at: datetime,
    batch: str,
    handed_over: bool,
    history: bool,
) -> Ledger:
    accepted_before = AcceptedRows(change.lake, table)
    result = judge_batch(table, delivered, received_at, accepted_before, handed_over, history)
    warnings = () if result.refused_by else jumps(change.lake, table, result.accepted)
    result = replace(result, checks=result.checks + warnings)
    line = _line(change.lake, table, result, delivered, received_at, "ingest", batch)
    give_back()  # memory of the checks: writing takes as much
    reached("intake.judged")
    if line.quarantined:
        refused = partial(_to_quarantine, delivered, result, line, received_at)
        change.add(quarantine.quarantine_folder(table.name), received_at.date(), _part(delivered.digest), refused)
    if not line.refused:
        _store(change, table, result.accepted, delivered.digest)
        _put_first(change, result, accepted_before, delivered, received_at)
    change.commit(line)
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
    """Check quarantined rows again: those that arrived on `day`, or in `batch`, or all where both are None.

    `mend` says what a row should have been; without it rows are checked as they are, which helps when a definition or
    a limit was wrong. Rows that break no rule now are accepted as received now (nobody could use them earlier) and
    leave quarantine, as do duplicates. The limits of a batch are not checked again.
    """
    with changing(lake, table.name) as change:
        rows = quarantine.waiting_rows(lake, table.name, day, batch)
        lines = [(mend(row) if mend else None) or row.raw for _, row in rows]
        delivered = _received(table, delivered_from_lines(table, lines, _digest(table, rows, received_at)), received_at)
        people = erased_people(lake)
        staying = [row for row, gone in zip(rows, rows_about(table, delivered, people), strict=True) if not gone]
        delivered = without_people(table, delivered, people)
        result = judge_batch(table, delivered, received_at, AcceptedRows(lake, table), handed_over=True)
        result = replace(result, checks=tuple(c for c in result.checks if c.level == "row" or c.rule == DIFFERS))
        line = _line(lake, table, result, delivered, received_at, "replay", f"replay-{batch or day or 'all'}")
        if rows:
            _store(change, table, result.accepted, delivered.digest)
            broken = {staying[i] for i in result.broken}
            leaving = [row for row in rows if row not in broken]
            change.replace(quarantine.quarantine_folder(table.name), quarantine.without(lake, table.name, leaving))
            change.commit(line)
    return line


def discard(lake: Lake, table: Table, day: date, received_at: datetime, why: str) -> Ledger:
    """Move the quarantined rows that arrived on `day` below `discarded/`: they no longer wait."""
    with changing(lake, table.name) as change:
        folder = quarantine.quarantine_folder(table.name)
        rows = lake.read(folder, [day], schema=quarantine.SCHEMA)
        digest = hashlib.sha256(f"{table.name} discard {day} {received_at}".encode()).hexdigest()
        name, n = f"discard-{day}", rows.num_rows
        line = Ledger(name, table.name, "discard", 0, 0, 0, 0, False, received_at, digest, discarded=n, why=why)
        if n:
            change.add(f"{quarantine.DISCARDED}/{table.name}", day, _part(digest), lambda: [rows])
            change.replace(folder, {day: rows.slice(0, 0)})
            change.commit(line)
    return line


def _again(lake: Lake, first: Ledger, received_at: datetime, batch: str, erased: int) -> Ledger:
    """The line of a repeated delivery; one that was refused stays so while its rows wait, or if it has no rows."""
    arrived, rows = first.received_at.date(), first.received
    waits = first.refused and (not rows or quarantine.count(lake, first.table, arrived, first.batch) > 0)
    n, checks = first.received, first.checks if waits else ()
    counts = (n, 0, n - erased, 0, waits, received_at, first.digest)
    return Ledger(batch, first.table, "ingest", *counts, checks=checks, erased=erased)


def _line(
    lake: Lake,
    table: Table,
    result: JudgedBatch,
    delivered: Delivered,
    received_at: datetime,
    kind: Literal["ingest", "replay"],
    batch: str,
) -> Ledger:
    rows, erased, span = len(delivered), delivered.erased, _span(table, delivered.rows, received_at)
    received, digest = rows + erased, delivered.digest
    reasons = result.broken.counts()
    checks = result.checks
    if result.refused_by:
        reasons_of_all = reasons | {REFUSED: rows}
        counts = (received, 0, 0, rows, True, received_at, digest)
        return Ledger(batch, table.name, kind, *counts, reasons_of_all, checks=checks, span=span, erased=erased)
    accepted = len(result.accepted)
    return Ledger(
        batch, table.name, kind, received, accepted, result.duplicate, len(result.broken), False, received_at, digest,
        reasons, _unknown(lake, table, result.accepted), _all_days(table, result), checks,
        differs=result.differs, examples=result.examples, span=span, erased=erased,
    )  # fmt: skip


def _to_quarantine(
    delivered: Delivered, result: JudgedBatch, line: Ledger, received_at: datetime
) -> Iterator[pa.Table]:
    rows = np.arange(len(delivered)) if line.refused else result.broken.rows()
    refusal = ((REFUSED, f"batch refused: {_limits(line)}"),) if line.refused else ()

    def reasons(row: int) -> tuple[tuple[str, str], ...]:
        return (*result.broken.get(row, ()), *refusal)

    return quarantine.rows_of(line.batch, rows, reasons, delivered.raws, received_at)


def _store(change: Change, table: Table, rows: Chosen, digest: str) -> None:
    days = _day_of(rows.rows[table.received_time]).to_numpy()
    for day in _days(table, rows):
        change.add(f"tables/{table.name}", day, _part(digest), rows.only(days == np.datetime64(day)).parts)


def _put_first(
    change: Change, result: JudgedBatch, accepted_before: AcceptedRows, delivered: Delivered, received_at: datetime
) -> None:
    """Put duplicates in the place of the accepted rows that were received later than they were."""
    if result.earlier is None:
        return
    table = accepted_before.table
    for day in days_without(result.earlier, accepted_before):
        change.rewrite(f"tables/{table.name}", day.day, day.parts if day.rows() else None)
    digest = hashlib.sha256(f"{delivered.digest} earlier, at {received_at}".encode()).hexdigest()
    _store(change, table, result.earlier, digest)


def _days(table: Table, rows: Chosen) -> list[date]:
    """The days of receipt of rows, in order."""
    return sorted(pc.unique(_day_of(rows[table.received_time])).to_pylist())


def _all_days(table: Table, result: JudgedBatch) -> tuple[date, ...]:
    """The days of receipt of accepted rows, and of those that took the place of others."""
    earlier = _days(table, result.earlier) if result.earlier is not None else []
    return tuple(sorted({*_days(table, result.accepted), *earlier}))


def _day_of(received: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(pc.floor_temporal(received, unit="day"), pa.date32())


def _span(table: Table, rows: pa.Table, received_at: datetime) -> tuple[date, date]:
    """First and last day on which rows say they were received, cut to the days from EARLIEST to `received_at`."""
    moment, claimed = pa.timestamp("us", tz="UTC"), rows[table.received_time]
    least, most = (pa.scalar(at, moment).cast(pa.int64()).as_py() for at in (EARLIEST, received_at))
    known = pc.min_max(claimed.cast(moment).cast(pa.int64())).as_py()
    ends = [end for end in known.values() if end is not None] + ([most] if claimed.null_count else [])
    days = [min(max(end, least), most) // DAY for end in ends or [most]]
    return EPOCH + timedelta(days=min(days)), EPOCH + timedelta(days=max(days))


def _received(table: Table, delivered: Delivered, received_at: datetime) -> Delivered:
    """The same rows, received now."""
    place, rows = delivered.rows.column_names.index(table.received_time), delivered.rows
    now = pa.array([received_at] * len(delivered), rows.column(place).type)
    rows = rows.set_column(place, table.received_time, now)
    return replace(delivered, rows=rows)


def _unknown(lake: Lake, table: Table, rows: Chosen) -> dict[str, float]:
    """Column → share of rows whose value the table it refers to does not have yet: it may come, so this only warns."""
    shares = {}
    for column in table.columns:
        if column.refers_to and len(rows):
            values = rows[column.name]
            is_named = ds.field(column.name).isin(pc.unique(values).drop_null())
            column_only = pa.schema([(column.name, values.type)])
            referred = lake.read(f"tables/{column.refers_to}", None, [column.name], is_named, column_only)
            known_rows = pc.sum(pc.is_in(values, referred.column(0).drop_null())).as_py() if referred.num_columns else 0
            shares[column.name] = 1 - (known_rows or 0) / max(len(values) - values.null_count, 1)
    return shares


def _forget(lake: Lake, table: Table, digest: str) -> None:
    """Remove the files of an attempt without a ledger line, as versions without intents could leave them."""
    for name in (f"tables/{table.name}", quarantine.quarantine_folder(table.name)):
        for path in lake.parts(name, _part(digest)):
            path.unlink()


def _part(digest: str) -> str:
    return digest[:24]


def _digest(table: Table, rows: Sequence[tuple[date, Quarantined]], received_at: datetime) -> str:
    numbers = "\n".join(f"{row.batch} {row.row}" for _, row in rows)
    return hashlib.sha256(f"{table.name} replay {received_at} {numbers}".encode()).hexdigest()


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
