"""The daily partitions of all assets: days of receipt, from the first with data to today."""

import os
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from orchestration.system import Installation
from validation.files import ScanResult, TableFile, scan_folder

if TYPE_CHECKING:
    import dagster as dg

    WHOLE_RANGE: dg.BackfillPolicy

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
WHY = "flywheel/why"  # a run's tag: the reason for which it was requested
LOOK_BACK = timedelta(days=35)
DAY = re.compile(r"(?<!\d)(20\d{2})-?(\d{2})-?(\d{2})(?!\d)")
FOLDERS = re.compile(r"(?<!\d)(20\d{2})/(?:[a-z]+=)?(\d{1,2})/(?:[a-z]+=)?(\d{1,2})(?!\d)")


def __getattr__(name: str) -> Any:
    """`WHOLE_RANGE`: a backfill of many days is one run, in which Spark starts once and reads once.

    Made at the first use: callers that only need the day of a file do not import Dagster, which takes a second.
    """
    if name != "WHOLE_RANGE":
        raise AttributeError(f"module {__name__} has no attribute {name}")
    import dagster as dg

    return dg.BackfillPolicy.single_run()


def days(installation: Installation) -> "dg.DailyPartitionsDefinition":
    """Daily partitions from the day before the first in the lake or the landing, today included.

    A few weeks before today are included in any case: files that land later may be of days before the first one now.
    """
    import dagster as dg

    days_with_data = [
        day for table in installation.system.tables for day in installation.lake.days(f"tables/{table.name}")
    ]
    first = min([*days_with_data, *waiting(installation), installation.now().date() - LOOK_BACK])
    return dg.DailyPartitionsDefinition(
        datetime.combine(first - timedelta(days=1), time.min, UTC), end_offset=1, end_date=None, timezone="UTC"
    )


def waiting(installation: Installation) -> dict[date, list[TableFile]]:
    """The files that wait in the landing, by the day that they name."""
    return by_day(landed(installation).files, installation.now().date())


def landed(installation: Installation) -> ScanResult:
    """What lies in the landing. Where nothing was ever delivered to it there is no folder, which is no fault."""
    landing = installation.settings.landing
    return scan_folder(landing, installation.system.tables) if os.path.lexists(landing) else ScanResult((), ())


def by_day(files: Iterable[TableFile], today: date) -> dict[date, list[TableFile]]:
    """Files by the day in their name, or else in their folders' names.

    Files without a day are today's, as are those of a future day: names made from a local time may be ahead of UTC. So
    are those of a year before 2000, because no row was received then.
    """
    files_by_day: dict[date, list[TableFile]] = {}
    for file in files:
        files_by_day.setdefault(min(day_of(file.below) or today, today), []).append(file)
    return files_by_day


def day_of(below: str) -> date | None:
    """The day in a file's name, as in 2026-05-03.jsonl or impressions-20260503T101500Z.parquet, or else in the names of
    its folders below the table's, as in day=2026-05-03/part.parquet or 2026/05/03/part.parquet; None without one."""
    *folders, name = below.split("/")
    matches = [_day_in(DAY, text) for text in (name, *reversed(folders))] + [_day_in(FOLDERS, "/".join(folders))]
    return next((day for day in matches if day), None)


def _day_in(pattern: re.Pattern[str], text: str) -> date | None:
    match = pattern.search(text)
    try:
        return date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None


def span(context: "dg.AssetExecutionContext") -> tuple[date, date]:
    """First and last day of the run, both included."""
    window = context.partition_time_window
    return window.start.date(), (window.end - timedelta(microseconds=1)).date()
