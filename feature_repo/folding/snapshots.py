"""Snapshots: the newest state of every entity at the end of a day, from which the next day's fold starts."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from feature_repo.definition import SNAPSHOTS_KEPT, WAIT_DAYS, WEEKLY_SNAPSHOTS_KEPT, CounterView, FeatureSet
from feature_repo.folding.published_days import STATES, Parts, PublishedDays
from infra.lake import Lake, united
from infra.removed_files import removed_files
from infra.spark_files import read_files

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

COMPLETE = "snapshots/complete"


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The snapshots of a feature set in a lake. A day's snapshot is used only when every view's was written."""

    lake: Lake
    features: FeatureSet

    @property
    def counting_digest(self) -> str:
        """Digest of all definitions that decide a counter's value: a snapshot with another digest is not used."""
        features = self.features
        counted = (features.lookups, features.signals, features.counter_views, features.influence)
        return hashlib.sha256(repr((*counted, features.publish_every_s)).encode()).hexdigest()

    @property
    def published(self) -> PublishedDays:
        """The days on which states were published."""
        return PublishedDays(self.lake, STATES, self.counting_digest)

    def newest_before(self, day: date, parts: Parts | None = None) -> date | None:
        """The last day before `day` that has a complete snapshot of these counters and is not stale.

        parts  the files of the lake, where they are known; else they are looked for
        """
        parts = self.parts() if parts is None else parts
        fit = (d for d in reversed(self.lake.days(COMPLETE)) if d < day and self._files_of(d, parts) is not None)
        return next(fit, None)

    def _fits(self, day: date) -> bool:
        return bool(self.lake.read(COMPLETE, [day])["counted"].to_pylist() == [self.counting_digest])

    def read(self, spark: "SparkSession", view: CounterView, day: date | None) -> "DataFrame | None":
        """The states of a view at the end of a day; None where nothing was counted."""
        if day is None:
            return None
        files = self.lake.files(f"snapshots/{view.name}", [day])
        return read_files(spark, files, united(files)) if files else None

    def entities(self) -> dict[str, int]:
        """Counter view → the entities that have a state at the end of the newest day; 0 where nothing was folded."""
        newest = self.lake.days(COMPLETE)[-1:]
        files = {view.name: self.lake.files(f"snapshots/{view.name}", newest) for view in self.features.counter_views}
        return {view: sum(pq.read_metadata(path).num_rows for path in paths) for view, paths in files.items()}

    def forget(self, days: Iterable[date]) -> None:
        """Remove the snapshots of days that are about to be folded again."""
        for day in set(self.lake.days(COMPLETE)) & set(days):
            self._drop(day)

    def complete(self, days: Iterable[date], read: Parts) -> None:
        """Declare snapshots usable, and remove all but the newest few and one a week; `read` are the tables' files."""
        for day in days:
            self.lake.replace(
                COMPLETE, day, pa.table({"counted": [self.counting_digest], "read": [sorted(self._up_to(day, read))]})
            )
        older = self.lake.days(COMPLETE)[:-SNAPSHOTS_KEPT]
        weekly = [day for day in older if day.weekday() == 0][-WEEKLY_SNAPSHOTS_KEPT:]
        for day in set(older) - set(weekly):
            self._drop(day)

    def _drop(self, day: date) -> None:
        self.lake.drop(COMPLETE, day)
        for view in self.features.counter_views:
            self.lake.drop(f"snapshots/{view.name}", day)

    def received_days(self) -> Iterator[date]:
        """The days on which events that are counted were received."""
        for table in self.event_tables:
            yield from self.lake.days(f"tables/{table}")

    @property
    def event_tables(self) -> tuple[str, ...]:
        """The tables whose rows are counted."""
        return tuple(dict.fromkeys(signal.table for signal in self.features.signals))

    def parts(self) -> Parts:
        """The files of all that is counted or borrowed from."""
        return parts_of(self.lake, [*self.event_tables, *(lookup.table for lookup in self.features.lookups)])

    def files_of(self, day: date) -> set[str] | None:
        """The files that the snapshot of a day was made of; None unless a fold of the day would read the same now.

        It is certain which events such a snapshot holds, so that another fold can start from it.
        """
        return self._files_of(day, self.parts())

    def _files_of(self, day: date, parts: Parts) -> set[str] | None:
        if day not in self.lake.days(COMPLETE) or not self._fits(day) or self.published.is_stale(day, parts):
            return None
        snapshot = self.lake.read(COMPLETE, [day])
        read = set(snapshot["read"].to_pylist()[0]) if "read" in snapshot.column_names else None
        return read if read == self._up_to(day, parts) else None

    def _up_to(self, day: date, parts: Parts) -> set[str]:
        """The files that a fold of a day reads: events that may still wait, and every description."""
        oldest = {table: day - timedelta(days=WAIT_DAYS + 1) for table in self.event_tables}
        return {name for name, of in parts.items() if oldest.get(name.partition("/")[0], date.min) <= of <= day}


def parts_of(lake: Lake, tables: Iterable[str], *, removed: bool = True) -> Parts:
    """The files of some tables: `<table>/day=<day>/<file>`, each with its day.

    Those that retention `removed` are among them: what was published from them is not stale.
    """
    names = [
        f"{table}/{name}"
        for table in dict.fromkeys(tables)
        for name in (
            *(f"{path.parent.name}/{path.name}" for path in lake.parts(f"tables/{table}", "*")),
            *(removed_files(lake, table) if removed else ()),
        )
    ]
    return {name: date.fromisoformat(name.split("/")[1].removeprefix("day=")) for name in names}
