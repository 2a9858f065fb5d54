"""The event tables of a day: how many rows came, how many usually come, when the newest did; and what that says."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from monitoring.definition import Watch
from monitoring.upstream import unusual_volume
from orchestration.system import Installation
from orchestration.upstream import broken_upstream, event_tables, rows_by_day


def tables_of(installation: Installation, watch: Watch, day: date) -> dict[str, dict[str, Any]]:
    """Of each event table its rows of the day, those of a usual day, and the newest moment of receipt."""
    tables = {}
    for table in event_tables(installation):
        rows = rows_by_day(installation, table, day)
        name, there = f"tables/{table.name}", sorted(each for each, count in rows.items() if count)
        newest = None
        if there:
            received = installation.lake.read(name, there[-1:], [table.received_time], schema=table.schema)
            newest = max(received[table.received_time].to_pylist())
        before = sorted(count for each, count in rows.items() if each != day)
        usual = before[len(before) // 2] if before else None
        tables[table.name] = {"rows": rows.get(day, 0), "newest": newest, "usual_rows": usual}
    return tables


def alarms_of_tables(
    installation: Installation, watch: Watch, day: date, tables: Mapping[str, dict[str, Any]], at: datetime
) -> Iterator[tuple[str, str]]:
    """Alarm → what it says, of the tables of a day."""
    for table in event_tables(installation):
        facts = tables[table.name]
        if wrong := unusual_volume(rows_by_day(installation, table, day), watch):
            yield "volume", f"{table.name}: {wrong}"
        often = (facts["usual_rows"] or 0) >= watch.min_usual_rows
        if often and facts["newest"] is not None and at - facts["newest"] > watch.max_silence:
            yield "silence", f"{table.name}: no row since {facts['newest']:%Y-%m-%d %H:%M} UTC"
    if (broken := broken_upstream(installation, day)) and "refused batches" in broken:
        yield "refused", broken
