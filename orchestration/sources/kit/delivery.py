"""Rows as landing files: a Parquet file for each table and day of receipt."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sources.kit.files import write_parquet
from validation.contract import Table


@dataclass(frozen=True, slots=True)
class DeliveredRows:
    """What was delivered of a table: how many rows in how many files."""

    received: int
    files: int


def deliver(
    tables: Iterable[tuple[Table, pa.Table]], landing: Path, first: datetime, until: datetime, part: str = ""
) -> dict[str, DeliveredRows]:
    """Write the rows received in [first, until) as `<landing>/<table>/<day of receipt><part>.parquet`.

    What is received later is still under way: pass the same tables again with the next window. `part` tells files of
    one day apart.
    """
    return {table.name: _deliver(table, rows, landing / table.name, first, until, part) for table, rows in tables}


def _deliver(table: Table, rows: pa.Table, folder: Path, first: datetime, until: datetime, part: str) -> DeliveredRows:
    rows = rows.sort_by([(name, "ascending") for name in (table.received_time, *table.key)])
    received = pc.cast(rows[table.received_time], pa.int64()).to_numpy()
    day, count, files = first.date(), 0, 0
    while (begin := datetime.combine(day, time.min, UTC)) < until:
        ends = (max(begin, first), min(begin + timedelta(days=1), until))
        low, high = np.searchsorted(received, [int(end.timestamp()) * 1_000_000 for end in ends])
        files += write_parquet(folder / f"{day}{part}.parquet", rows.slice(low, high - low))
        count, day = count + int(high - low), day + timedelta(days=1)
    return DeliveredRows(count, files)
