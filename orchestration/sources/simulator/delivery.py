"""Rows as landing files: a Parquet file for each table and day of receipt, and beside it JSONL for what went wrong.

Beside the clean rows come rows delivered twice and broken ones. A broken event is lost until it is mended; a broken
description comes again intact, since catalogues send until they are heard.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra.arrays import Bools, Float64s, Int64s
from orchestration.sources.kit import uniform, write_lines, write_parquet
from orchestration.sources.simulator.breakage import RawRow, broken_line, line_of
from orchestration.sources.simulator.events import Events, as_json
from orchestration.sources.simulator.scale import DAY, Scale
from validation.contract import Table

MICROS = 1_000_000
A_DAY = int(DAY) * MICROS
OLD_CLIENTS = (30, 9)  # rows of old clients for each broken and each repeated row: most rows of a file must be right


@dataclass(frozen=True, slots=True)
class DeliveredCounts:
    """What was delivered of a table: `received = clean + duplicate + broken`; `late` clean rows came after an hour."""

    received: int = 0
    clean: int = 0
    duplicate: int = 0
    broken: int = 0
    late: int = 0
    files: int = 0

    def __add__(self, more: "DeliveredCounts") -> "DeliveredCounts":
        return DeliveredCounts(*(getattr(self, name) + getattr(more, name) for name in DeliveredCounts.__slots__))


@dataclass(frozen=True, slots=True)
class Fates:
    """What becomes of each row: sent by an old client, broken, or sent twice: `again` is the second receipt."""

    old_client: Bools
    broken: Bools
    twice: Bools
    again: Int64s


def deliver(
    events: Events, scale: Scale, landing: Path, first: datetime | None = None, until: datetime | None = None
) -> dict[str, DeliveredCounts]:
    """Write everything received in [first, until) as landing files and say, by table, what was written.

    Left out, `first` and `until` are the scale's own days. What is received later is still under way: pass the same
    events again with the next window.
    """
    window = (first or scale.start, until or scale.end)
    return {table.name: _deliver(table, rows, scale, landing / table.name, window) for table, rows in events}


def _deliver(
    table: Table, rows: pa.Table, scale: Scale, folder: Path, window: tuple[datetime, datetime]
) -> DeliveredCounts:
    rows = rows.take(pc.sort_indices(rows, [(name, "ascending") for name in (table.received_time, *table.key)]))
    received = _micros(rows, table.received_time)
    fates = _fates(table, received, scale)
    waited = received - np.maximum(_micros(rows, table.event_time), round(scale.begin * MICROS))
    total = DeliveredCounts()
    for day in _days(*window):
        low, high = _bounds(day, window)
        today = (received >= low) & (received < high)
        intact = today & (table.versioned | ~fates.broken)
        again = _received_again(table, rows, fates, (low, high))
        broken = as_json(rows.filter(pa.array(today & fates.broken)))
        lines = [line_of(row) for row in [*as_json(rows.filter(pa.array(intact & fates.old_client))), *again]]
        lines += [broken_line(kind, table, row) for kind, row in enumerate(broken)]
        files = write_parquet(folder / f"{day}.parquet", rows.filter(pa.array(intact & ~fates.old_client)))
        files += write_lines(folder / f"{day}.jsonl", lines)
        clean, late = int(intact.sum()), int((intact & (waited > 3600 * MICROS)).sum())
        total += DeliveredCounts(clean + len(again) + len(broken), clean, len(again), len(broken), late, files)
    return total


def _fates(table: Table, received: Int64s, scale: Scale) -> Fates:
    """What becomes of each row: exact shares of every day, decided within it, so that later days change nothing."""
    day = received // A_DAY
    _, starts, counts = np.unique(day, return_index=True, return_counts=True)
    place = np.arange(len(received)) - np.repeat(starts, counts)
    luck = uniform(scale.seed, f"fates of {table.name}", day, place)
    rank = np.empty(len(received), dtype=np.int64)
    rank[np.lexsort((luck, day))] = place
    size = np.repeat(counts, counts)
    broken, twice = np.round(scale.broken * size), np.round(scale.duplicate * size)
    old = np.maximum(OLD_CLIENTS[0] * broken, OLD_CLIENTS[1] * twice)
    return Fates(
        old_client=(rank >= broken) & (rank < broken + old),
        broken=rank < broken,
        twice=rank >= size - twice,
        again=received if table.versioned else _again(received, uniform(scale.seed, "again", day, place)),
    )


def _again(received: Int64s, luck: Float64s) -> Int64s:
    """When a row comes again: on the same day as the very same row, on the next with a new time of receipt."""
    later = received + (luck * 1.2 * A_DAY).astype(np.int64)
    again: Int64s = np.where(later // A_DAY == received // A_DAY, received, later)
    return again


def _received_again(table: Table, rows: pa.Table, fates: Fates, window: tuple[int, int]) -> list[RawRow]:
    chosen = fates.twice & (fates.again >= window[0]) & (fates.again < window[1])
    index = rows.schema.get_field_index(table.received_time)
    field = rows.schema.field(index)
    receipts = pa.array(fates.again[chosen]).cast(field.type)
    return as_json(rows.filter(pa.array(chosen)).set_column(index, field, receipts))


def _days(first: datetime, until: datetime) -> list[date]:
    last = (until - timedelta(microseconds=1)).date()
    return [first.date() + timedelta(days=i) for i in range((last - first.date()).days + 1)]


def _bounds(day: date, window: tuple[datetime, datetime]) -> tuple[int, int]:
    """The part of a day that lies in the window, in microseconds."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    low, high = max(start, window[0]), min(start + timedelta(days=1), window[1])
    return round(low.timestamp() * MICROS), round(high.timestamp() * MICROS)


def _micros(rows: pa.Table, column: str) -> Int64s:
    values: Int64s = pc.cast(rows[column], pa.int64()).to_numpy()
    return values
