"""Whether the newest days may be learned from: no batch of them refused, no table far from its usual rows."""

from datetime import date, timedelta

import pyarrow.parquet as pq

from infra.lake import Lake, days_from
from monitoring.upstream import unusual_volume
from orchestration.system import Installation
from validation.batches import status_of_days
from validation.contract import Table

LOOKED_BACK = timedelta(days=14)
"""So far back lie the days that say how many rows are usual."""
NEWEST = timedelta(days=2)
"""A refused batch of so many days before the last one to learn from freezes training; older ones the gates judge."""


def broken_upstream(installation: Installation, last: date) -> str:
    """Why nothing may be learned up to a day, in a sentence; empty where what came in is sound and as much as usual."""
    watch, system = installation.system.watch, installation.system
    if watch is None:
        return ""
    first, arrived = last - NEWEST, last + timedelta(days=1)  # what is of the day may come, and be refused, after it
    refused = status_of_days(installation.lake, system.tables, first, arrived).refused
    reasons = [f"{refused} refused batches of {first} to {arrived} wait in quarantine"] if refused else []
    for table in event_tables(installation):
        if wrong := unusual_volume(rows_by_day(installation, table, last), watch):
            reasons.append(f"{table.name}: {wrong}")
    if not reasons:
        return ""
    return f"training is frozen, what comes in is broken: {'; '.join(reasons)}. Mend it, or ingest what is missing"


def event_tables(installation: Installation) -> list[Table]:
    """The tables whose rows are events: as many come on one day as on another. Descriptions come when they change."""
    return [table for table in installation.system.tables if not table.versioned]


def rows_by_day(installation: Installation, table: Table, last: date) -> dict[date, int]:
    """Day of receipt → the table's rows, of the days that are over, from the first that has any."""
    over = min(last, installation.now().date() - timedelta(days=1))
    there = [day for day in installation.lake.days(f"tables/{table.name}") if over - LOOKED_BACK <= day <= over]
    return {day: _rows(installation.lake, table, day) for day in (days_from(there[0], over) if there else ())}


def _rows(lake: Lake, table: Table, day: date) -> int:
    return sum(pq.read_metadata(path).num_rows for path in lake.files(f"tables/{table.name}", [day]))
