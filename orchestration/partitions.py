"""The days everything is cut into: days of receipt, from the first that holds anything to today."""

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.sources.landing import files
from orchestration.system import Installation

if TYPE_CHECKING:
    import dagster as dg

    WHOLE_RANGE: dg.BackfillPolicy

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
WHY = "flywheel/why"  # a run's tag: the reason somebody or something asked for it


def __getattr__(name: str) -> Any:
    """`WHOLE_RANGE`: a backfill of many days is one run, in which Spark starts once and reads once.

    Made when it is asked for: who only wants to know the day of a file does without Dagster, which costs a second.
    """
    if name != "WHOLE_RANGE":
        raise AttributeError(f"module {__name__} has no attribute {name}")
    import dagster as dg

    return dg.BackfillPolicy.single_run()


def days(at: Installation) -> "dg.DailyPartitionsDefinition":
    """Daily partitions from the day before the first in the lake or the landing, today included."""
    import dagster as dg

    known = [day for table in at.system.tables for day in at.lake.days(f"tables/{table.name}")]
    first = min([*known, *waiting(at)], default=at.now().date())
    return dg.DailyPartitionsDefinition(
        datetime.combine(first - timedelta(days=1), time.min, UTC), end_offset=1, end_date=None, timezone="UTC"
    )


def waiting(at: Installation) -> dict[date, list[str]]:
    """The files that wait in the landing, by the day in their name, today for other names."""
    found: dict[date, list[str]] = {}
    for table in at.system.tables:
        for path in files(at.settings.landing, table):
            found.setdefault(day_of(path) or at.now().date(), []).append(str(path))
    return found


def day_of(path: Path) -> date | None:
    """The day in a file's name, as in 2026-05-03.jsonl or impressions-20260503T101500Z.parquet; None without one."""
    match = re.search(r"(?<!\d)(20\d{2})-?(\d{2})-?(\d{2})(?!\d)", path.name)
    try:
        return date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None


def span(context: "dg.AssetExecutionContext") -> tuple[date, date]:
    """First and last day of the run, both included."""
    window = context.partition_time_window
    return window.start.date(), (window.end - timedelta(microseconds=1)).date()
