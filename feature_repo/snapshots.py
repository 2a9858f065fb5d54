"""Snapshots: the newest state of every entity at the end of a day, from which the next day's fold goes on."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from feature_repo.definition import CounterView, FeatureSet
from validation.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

KEPT = 3
COMPLETE = "snapshots/complete"


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The snapshots of a feature set in a lake. A day's snapshot is used only when every view's was written."""

    lake: Lake
    features: FeatureSet

    @property
    def counted(self) -> str:
        """Digest of all that decides what a counter holds: a snapshot counted otherwise is never gone on from."""
        of = self.features
        said = (of.lookups, of.signals, of.counter_views, of.publish_every_s)
        return hashlib.sha256(repr(said).encode()).hexdigest()

    def newest_before(self, day: date) -> date | None:
        """The last day before `day` that has a complete snapshot of these counters."""
        fit = [d for d in self.lake.days(COMPLETE) if d < day and self._fits(d)]
        return max(fit, default=None)

    def _fits(self, day: date) -> bool:
        return bool(self.lake.read(COMPLETE, [day])["counted"].to_pylist() == [self.counted])

    def read(self, spark: "SparkSession", view: CounterView, day: date | None) -> "DataFrame | None":
        """The states of a view at the end of a day; none where nothing was ever counted."""
        if day is None:
            return None
        folder = self.lake.path(f"snapshots/{view.name}", day).absolute()
        return spark.read.parquet(str(folder)) if any(folder.glob("part-*.parquet")) else None

    def forget_from(self, day: date) -> None:
        """Remove the snapshots of `day` and later: the days before them are about to be folded anew."""
        for late in self.lake.days(COMPLETE):
            if late >= day:
                self._drop(late)

    def complete(self, days: Iterable[date]) -> None:
        """Declare snapshots usable, and remove all but the newest few."""
        for day in days:
            self.lake.replace(COMPLETE, day, pa.table({"counted": [self.counted]}))
        for day in self.lake.days(COMPLETE)[:-KEPT]:
            self._drop(day)

    def _drop(self, day: date) -> None:
        self.lake.drop(COMPLETE, day)
        for view in self.features.counter_views:
            self.lake.drop(f"snapshots/{view.name}", day)

    def received_days(self) -> Iterator[date]:
        """The days on which events that are counted were received."""
        for table in dict.fromkeys(signal.table for signal in self.features.signals):
            yield from self.lake.days(f"tables/{table}")
