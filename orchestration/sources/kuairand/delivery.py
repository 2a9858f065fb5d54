"""KuaiRand into the landing: a Parquet file for each table and day of receipt."""

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from infra.errors import DefinitionError
from orchestration.sources.kuairand import descriptions, events
from orchestration.sources.kuairand.files import FIRST_SIGHT, OF_USERS, OF_VIDEOS, Published, detect, read
from validation.contract import Table
from validation.systems.home_feed import ENGAGEMENTS, IMPRESSIONS, USERS, VIDEOS

if TYPE_CHECKING:
    import pandas as pd

DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class DeliveredRows:
    """What was delivered of one table: its rows, and the days on which they were received."""

    received: int
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class LogSummary:
    """What one pass over the logs gives: each user's and video's first row, and the first and last day of receipt."""

    users: "pd.DataFrame"
    videos: "pd.DataFrame"
    first: date
    last: date


def days(path: Path) -> tuple[date, date]:
    """The first and the last day, UTC, on which something was received."""
    summary = _log_summary(detect(path))
    return summary.first, summary.last


def deliver(path: Path, landing: Path) -> dict[str, DeliveredRows]:
    """Write all four tables as `<landing>/<table>/<day of receipt>.parquet` and say, by table, what was written.

    Rows that KuaiRand holds twice are delivered twice: intake counts them as the duplicates they are.
    """
    published = detect(path)
    summary = _log_summary(published)
    with ExitStack() as stack:
        out = {
            table: stack.enter_context(DayWriters(table, landing))
            for table in (USERS, VIDEOS, IMPRESSIONS, ENGAGEMENTS)
        }
        out[USERS].add(descriptions.users(summary.users, _table(published.users, OF_USERS), summary.first))
        out[VIDEOS].add(descriptions.videos(summary.videos, _table(published.videos, OF_VIDEOS)))
        for part in published.rows():
            log = events.prepared_log(events.timed(part))
            out[IMPRESSIONS].add(events.impressions(log))
            out[ENGAGEMENTS].add(events.engagements(log))
        return {table.name: files.handed() for table, files in out.items()}


class DayWriters:
    """A table's open files, one for each day of receipt. They get their names when all of them are complete."""

    def __init__(self, table: Table, landing: Path) -> None:
        self.table, self.folder = table, landing / table.name
        self._writers: dict[date, pq.ParquetWriter] = {}
        self._rows = 0

    def __enter__(self) -> "DayWriters":
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        for day, writer in self._writers.items():
            writer.close()
            draft = self._draft(day)
            if failed:
                draft.unlink()
            else:
                os.replace(draft, draft.with_suffix(""))

    def add(self, rows: pa.Table) -> None:
        """Append rows, each to its day of receipt."""
        received = np.asarray(rows[self.table.received_time].cast(pa.int64())) // DAY
        for number in np.unique(received):
            day = _day(int(number) * DAY)
            if day not in self._writers:
                self._writers[day] = pq.ParquetWriter(self._draft(day), self.table.schema)
            self._writers[day].write_table(rows.filter(pa.array(received == number)))
        self._rows += rows.num_rows

    def handed(self) -> DeliveredRows:
        """What was written."""
        return DeliveredRows(self._rows, min(self._writers), max(self._writers))

    def _draft(self, day: date) -> Path:
        return self.folder / f"{day.isoformat()}.parquet.open"


def _log_summary(published: Published) -> LogSummary:
    users: list[pd.DataFrame] = []
    videos: list[pd.DataFrame] = []
    received: list[int] = []
    for part in published.rows(FIRST_SIGHT):
        log = events.timed(part)
        users = [descriptions.first_sights([*users, log[["user_id", "shown"]]], "user_id")]
        videos = [descriptions.first_sights([*videos, log[["video_id", "shown", "duration_ms"]]], "video_id")]
        received += [int(log["known"].min()), int(log["known"].max())] if len(log) else []
    if not received:
        raise DefinitionError("kuairand: the logs hold no row. Fetch the files again.")
    return LogSummary(users[0], videos[0], _day(min(received)), _day(max(received)))


def _table(files: Iterable[Path], columns: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd

    return pd.concat([part for file in files for part in read(file, columns)], ignore_index=True)


def _day(moment: int) -> date:
    return (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=moment)).date()
