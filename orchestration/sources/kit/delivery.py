"""Rows as landing files: a Parquet file for each table and day of receipt, or few of a whole history."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra.arrays import Int64s
from orchestration.sources.kit.files import write_parquet
from validation.contract import Table

ROWS_A_FILE = 300_000


@dataclass(frozen=True, slots=True)
class DeliveredRows:
    """What was delivered of a table: how many rows in how many files."""

    received: int
    files: int


def deliver(
    tables: Iterable[tuple[Table, pa.Table]], landing: Path, first: datetime, until: datetime
) -> dict[str, DeliveredRows]:
    """Write the rows received in [first, until) as `<landing>/<table>/<day of receipt>.parquet`.

    What is received later is still under way: pass the same tables again with the next window.
    """
    return {table.name: _daily(table, rows, landing / table.name, first, until) for table, rows in tables}


def deliver_history(
    tables: Iterable[tuple[Table, pa.Table]], landing: Path, until: datetime
) -> dict[str, DeliveredRows]:
    """Write the rows received before `until` as `<landing>/<table>/history-<number>.parquet`, so many rows a file.

    A first delivery without a day in its name is history, of which the receipts are believed; what a file costs beside
    its rows is paid once instead of once a day.
    """
    return {table.name: _history(table, rows, landing / table.name, until) for table, rows in tables}


def _daily(table: Table, rows: pa.Table, folder: Path, first: datetime, until: datetime) -> DeliveredRows:
    rows, received = _by_receipt(table, rows)
    day, count, files = first.date(), 0, 0
    while (begin := datetime.combine(day, time.min, UTC)) < until:
        ends = (max(begin, first), min(begin + timedelta(days=1), until))
        low, high = np.searchsorted(received, [_micros(end) for end in ends])
        files += write_parquet(folder / f"{day}.parquet", rows.slice(low, high - low))
        count, day = count + int(high - low), day + timedelta(days=1)
    return DeliveredRows(count, files)


def _history(table: Table, rows: pa.Table, folder: Path, until: datetime) -> DeliveredRows:
    rows, received = _by_receipt(table, rows)
    count, files = int(np.searchsorted(received, _micros(until))), 0
    for start in range(0, count, ROWS_A_FILE):
        part = rows.slice(start, min(ROWS_A_FILE, count - start))
        files += write_parquet(folder / f"history-{start // ROWS_A_FILE:03d}.parquet", part)
    return DeliveredRows(count, files)


def _by_receipt(table: Table, rows: pa.Table) -> tuple[pa.Table, Int64s]:
    rows = rows.sort_by([(name, "ascending") for name in (table.received_time, *table.key)])
    return rows, pc.cast(rows[table.received_time], pa.int64()).to_numpy()


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000
