"""Training rows built again from a changed lake, by the code that built them: states, profiles, join, labels."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from feature_repo.definition import WAIT_DAYS, CounterView, FeatureSet
from feature_repo.folding import Snapshots, publish_profiles, publish_states, states_of_few
from infra.arrays import Float32s
from infra.freshness import AS_PUBLISHED, Freshness
from infra.lake import Lake
from infra.settings import Settings
from infra.spark import session
from training.definition import Task
from training.perturbation.alterations import altered_lake, link_day
from training.rows import AT, build_dataset, build_label_versions
from validation.contract import Table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Workshop:
    """What rows are built with: the definitions, the lake they were built from, and the settings of the machine.

    freshness  of the states that rows are joined with
    """

    settings: Settings
    lake: Lake
    features: FeatureSet
    task: Task
    tables: Sequence[Table]
    freshness: Freshness = AS_PUBLISHED

    @property
    def by_name(self) -> Mapping[str, Table]:
        """The tables by name."""
        return {table.name: table for table in self.tables}

    @property
    def spark(self) -> "SparkSession":
        """The process's Spark session."""
        return session(self.settings)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder while the block runs, in the home: files can be linked, and every worker reaches it."""
        parent = self.settings.home.absolute() / "scratch"
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            yield Path(folder)


def rebuilt_matrix(workshop: Workshop, home: Path, rows: pd.DataFrame, cut: datetime, seed: int | None) -> Float32s:
    """The model's input of some rows, from a lake in which everything received after a cut is altered.

    home  an empty folder      rows  labels' columns      seed  of what is altered; None: nothing is
    The days of the rows are folded anew on top of the snapshot before them; without one, so are all days before.
    """
    days = _days(workshop, rows)
    lake = _altered(workshop, home, days, cut, seed)
    if days.before is not None:
        for view in workshop.features.counter_views:
            link_day(workshop.lake, lake, f"snapshots/{view.name}", days.before)
            lake.append(f"states/{view.name}", days.before, _published(workshop.lake, view, days.before))
        snapshots = Snapshots(lake, workshop.features)
        snapshots.complete([days.before], snapshots.parts())  # the same files have other names in this lake
    publish_states(workshop.spark, lake, workshop.features, workshop.by_name, days.first, days.last)
    return _joined(workshop, home, rows, days)


def rebuilt_for_few(workshop: Workshop, home: Path, rows: pd.DataFrame, cut: datetime, seed: int | None) -> Float32s:
    """The same with the states of these rows' entities alone, in one Spark job: cheap enough for every training."""
    days = _days(workshop, rows)
    lake = _altered(workshop, home, days, cut, seed)
    if days.before is not None:
        for view in workshop.features.counter_views:
            link_day(workshop.lake, lake, f"snapshots/{view.name}", days.before)
    of_rows = {view.name: _entities(rows, view) for view in workshop.features.counter_views}
    where = (workshop.spark, lake, workshop.features, workshop.by_name)
    for name, states in states_of_few(*where, days.first, days.last, of_rows, days.before).items():
        lake.append(f"states/{name}", days.last, states)
    return _joined(workshop, home, rows, days)


def rebuilt_labels(workshop: Workshop, lake: Lake, cut: datetime) -> pd.DataFrame:
    """The versions of the labels of the cut's day that were known at the cut, from some lake."""
    day, labels = cut.date(), (workshop.task, workshop.features, workshop.by_name)
    return build_label_versions(workshop.spark, lake, *labels, cut, day - timedelta(days=1), day)


@dataclass(frozen=True, slots=True)
class _Days:
    """What has to be folded for some rows: the days from `first` to `last`, on top of the snapshot of `before`."""

    first: date
    last: date
    before: date | None


def _days(workshop: Workshop, rows: pd.DataFrame) -> _Days:
    snapshots = Snapshots(workshop.lake, workshop.features)
    shown, last = rows[AT].min().date(), rows[AT].max().date()
    before = snapshots.newest_before(shown)
    first = min([shown, *snapshots.received_days()]) if before is None else before + timedelta(days=1)
    return _Days(first, last, before)


def _altered(workshop: Workshop, home: Path, days: _Days, cut: datetime, seed: int | None) -> Lake:
    """A lake in a home in which what came after the cut is altered, with what the fold of the days reads."""
    folder = workshop.settings.model_copy(update={"home": home}).lake
    oldest = None if days.before is None else days.before - timedelta(days=WAIT_DAYS)
    moment = None if seed is None else cut
    return altered_lake(workshop.lake, folder, workshop.tables, moment, seed or 0, oldest)


def _joined(workshop: Workshop, home: Path, rows: pd.DataFrame, days: _Days) -> Float32s:
    """The rows with the descriptions and states that the lake of a home has, as the model's input."""
    from feature_repo.stores import open_store

    settings = workshop.settings.model_copy(update={"home": home})
    lake, features = Lake(settings.lake), workshop.features
    described = [day for view in features.profile_views for day in lake.days(f"tables/{view.table}")]
    publish_profiles(workshop.spark, lake, features, workshop.by_name, min([days.first, *described]), days.last)
    return build_dataset(rows, open_store(settings, features), features, workshop.task, workshop.freshness).matrix


def _entities(rows: pd.DataFrame, view: CounterView) -> pa.Table:
    """The entities of a view that some rows have."""
    keys = rows[list(view.keys)].dropna().drop_duplicates().astype(str)
    return pa.Table.from_pandas(keys, schema=pa.schema([(key, pa.string()) for key in view.keys]), preserve_index=False)


def _published(lake: Lake, view: CounterView, day: date) -> pa.Table:
    """A snapshot as states are published: counters in float32."""
    rows = lake.read(f"snapshots/{view.name}", [day])
    columns = {key: rows[key] for key in view.keys}
    columns |= {"event_timestamp": rows["published_at"], "published_at": rows["published_at"]}
    return pa.table(columns | {name: rows[name].cast(pa.float32()) for name in view.counters})
