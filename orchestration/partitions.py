"""The days everything is cut into: days of receipt, from the first that holds anything to today."""

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
WHY = "flywheel/why"  # a run's tag: the reason somebody or something asked for it
WAY_BACK = timedelta(days=35)
DAY = re.compile(r"(?<!\d)(20\d{2})-?(\d{2})-?(\d{2})(?!\d)")
FOLDERS = re.compile(r"(?<!\d)(20\d{2})/(?:[a-z]+=)?(\d{1,2})/(?:[a-z]+=)?(\d{1,2})(?!\d)")


def __getattr__(name: str) -> Any:
    """`WHOLE_RANGE`: a backfill of many days is one run, in which Spark starts once and reads once.

    Made when it is asked for: who only wants to know the day of a file does without Dagster, which costs a second.
    """
    if name != "WHOLE_RANGE":
        raise AttributeError(f"module {__name__} has no attribute {name}")
    import dagster as dg

    return dg.BackfillPolicy.single_run()


def days(installation: Installation) -> "dg.DailyPartitionsDefinition":
    """Daily partitions from the day before the first in the lake or the landing, today included.

    A few weeks are there in any case: what lands later than this is read may be of a day before all that is known now.
    """
    import dagster as dg

    known = [day for table in installation.system.tables for day in installation.lake.days(f"tables/{table.name}")]
    first = min([*known, *waiting(installation), installation.now().date() - WAY_BACK])
    return dg.DailyPartitionsDefinition(
        datetime.combine(first - timedelta(days=1), time.min, UTC), end_offset=1, end_date=None, timezone="UTC"
    )


def waiting(installation: Installation) -> dict[date, list[TableFile]]:
    """The files that wait in the landing, by the day whose work they are."""
    return by_day(landed(installation).files, installation.now().date())


def landed(installation: Installation) -> ScanResult:
    """What lies in the landing. Where nothing was ever delivered to it there is no folder, which is no fault."""
    landing = installation.settings.landing
    return scan_folder(landing, installation.system.tables) if os.path.lexists(landing) else ScanResult((), ())


def by_day(files: Iterable[TableFile], today: date) -> dict[date, list[TableFile]]:
    """Files by the day in their name, or else in their folders' names.

    Those without one are today's, as are those of a day to come: who names files by a local time may be ahead. So are
    those of a year before 2000, for no row was received then: no clock is believed that says so.
    """
    found: dict[date, list[TableFile]] = {}
    for file in files:
        found.setdefault(min(day_of(file.below) or today, today), []).append(file)
    return found


def day_of(below: str) -> date | None:
    """The day in a file's name, as in 2026-05-03.jsonl or impressions-20260503T101500Z.parquet, or else in the names of
    its folders below the table's, as in day=2026-05-03/part.parquet or 2026/05/03/part.parquet; None without one."""
    *folders, name = below.split("/")
    found = [_day_in(DAY, text) for text in (name, *reversed(folders))] + [_day_in(FOLDERS, "/".join(folders))]
    return next((day for day in found if day), None)


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
