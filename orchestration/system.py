"""A system: one set of definitions from every stage; and an installation: a system on one machine's settings."""

import errno
import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from feature_repo.columns_read import check_never_read
from feature_repo.definition import FeatureSet
from feature_repo.fits_tables import check_fit
from infra.clock import Clock
from infra.errors import DefinitionError
from infra.settings import Settings
from infra.systems import named_system
from monitoring.definition import Watch
from monitoring.trial import TrialRules, check_rules
from orchestration.ages import Ages
from serving.case_policy import AnyPolicy
from serving.definition import Policy
from training.definition import Task
from training.objectives import measure_names
from training.task_columns import check_columns
from validation.contract import Table, unknown
from validation.definition import GateLimits

if TYPE_CHECKING:
    from feast import FeatureStore
    from pyspark.sql import SparkSession

    from infra.lake import Lake
    from training.registry import Registry
    from training.rows import Dataset


WHY_NOT = {
    **dict.fromkeys((errno.EACCES, errno.EPERM), "may not be written by this user"),
    errno.EROFS: "is on a read-only disk",
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "is on a disk without room"),
}


@dataclass(frozen=True)
class System:
    """Everything that makes one decision problem: its tables, features, model, gates, policy and watch.

    A second system is a second value; `policy`, `watch` and `trial` may be absent where nothing is served, watched or
    tried. `ages` says how long data is kept. `thumbnail` is the field of an item's profile by which the console draws
    its picture.
    """

    name: str
    tables: tuple[Table, ...]
    features: FeatureSet
    task: Task
    limits: GateLimits
    policy: AnyPolicy | None = None
    watch: Watch | None = None
    trial: TrialRules | None = None
    ages: Ages = field(default_factory=Ages)
    thumbnail: str = ""

    def __post_init__(self) -> None:
        if self.features and self.features.name != self.name:
            raise DefinitionError(
                f"system {self.name}: its features are named {self.features.name}. Give both one name: it is the "
                "namespace of its records in Redis and of its project in Feast, where two systems must not meet."
            )
        if self.features and self.features.never_read:
            columns = [f"{table.name}.{column.name}" for table in self.tables for column in table.columns]
            check_never_read(self.features, columns, _embedded(self.task))
        if self.features and self.tables:
            tables = {table.name: table for table in self.tables}
            self.task.check_tables(tables)
            check_fit(self.features, tables, self.task.decisions)
            check_columns(self.task, self.features, tables)
            if self.trial:
                check_rules(self.trial, tables[self.task.decisions], tables)
            names = measure_names(self.task.objective)
            for measure in (cap.measure for cap in self.limits.caps):
                if measure not in names:
                    raise DefinitionError(f"system {self.name}: a cap on no measure: {unknown(measure, names)}")

    @property
    def page(self) -> Policy:
        """The policy of its pages; raises DefinitionError where it serves none."""
        if not isinstance(self.policy, Policy):
            kind = type(self.policy).__name__ if self.policy else "no policy"
            raise DefinitionError(f"system {self.name} has {kind}: this is for systems that order pages")
        return self.policy

    @property
    def person(self) -> str | None:
        """The column by which every table, view and stored set names the person that a row is about, if any does."""
        names = {table.person for table in self.tables if table.person}
        if len(names) > 1:
            raise DefinitionError(f"system {self.name}: people are named by {sorted(names)}; name them by one column.")
        return next(iter(names), None)


@dataclass(frozen=True)
class Installation:
    """A system on the settings of one machine: where its parts are reached from."""

    system: System
    settings: Settings

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", self.settings.of(self.system.name))

    @property
    def lake(self) -> "Lake":
        """The lake in the system's part of the home."""
        from infra.lake import Lake

        return Lake(self.settings.lake, self.settings.writer_wait_s)

    @property
    def tables(self) -> dict[str, Table]:
        """The system's tables by name."""
        return {table.name: table for table in self.system.tables}

    @property
    def history_days(self) -> int:
        """The days a model learns from: the setting, else what the task says."""
        return self.settings.history_days or self.system.task.history_days

    @property
    def ages(self) -> Ages:
        """How long data is kept here: as the system says, and whatever a model learns from here as long as it needs."""
        return self.system.ages.with_history(self.system.features, self.system.task, self.history_days)

    def history_start(self, last: date) -> date:
        """The first of the days that a model learns from, when this is the last one."""
        return last - timedelta(days=self.history_days - 1)

    def training_set(self) -> "Dataset":
        """The newest training set."""
        from training.rows import load_dataset

        return load_dataset(self.lake, self.system.name)

    @property
    def spark(self) -> "SparkSession":
        """The one Spark session of this process, started at first use."""
        from infra.spark import session

        return session(self.settings)

    @cached_property
    def store(self) -> "FeatureStore":
        """The Feast feature store with this system's definitions applied."""
        from feature_repo.stores import open_store

        return open_store(self.settings, self.system.features)

    @cached_property
    def registry(self) -> "Registry":
        """The model registry of this system; where a policy says that it is served, releases have to be proven."""
        from training.registry import Registry

        return Registry(self.settings, self.system.name, served=self.system.policy is not None)

    @cached_property
    def clock(self) -> Clock:
        """What time it is: now, or the moment of the events being replayed."""
        return Clock(self.settings.replay_from)

    def now(self) -> datetime:
        """The clock's moment in UTC."""
        return datetime.fromtimestamp(self.clock.now(), UTC)

    def as_of(self, day: date) -> datetime:
        """The moment a day's work speaks of: the day's end, or now while the day lasts."""
        return min(datetime.combine(day + timedelta(days=1), time.min, UTC), self.now())


def _embedded(task: Task) -> tuple[str, ...]:
    """What embeddings are made from: `view.field` and `view.counter` names."""
    embedding = task.embedding
    if embedding is None:
        return ()
    return (*(f"{embedding.profile}.{name}" for name in embedding.attributes), embedding.taste)


def load_system(settings: Settings) -> System:
    """The system that the settings mean; raises DefinitionError, which names its path, where it cannot be loaded."""
    named = named_system(settings)
    system = named.load()
    if not isinstance(system, System):
        raise DefinitionError(f"system {named.name}: `{named.path}` ({named.origin}) is no System: {system!r:.80}")
    if system.name != named.name:
        raise DefinitionError(
            f"system {named.name}: `{named.path}` ({named.origin}) names itself {system.name!r}. Make both one name."
        )
    return system


def facts(**figures: Any) -> dict[str, Any]:
    """Figures as Dagster metadata, without those that are unknown."""
    return {name: value for name, value in figures.items() if value is not None}


def unusable(home: Path) -> str | None:
    """Why nothing can be kept in that folder, with the next step; None where it can be, or can be made."""
    nearest = next(path for path in (home.absolute(), *home.absolute().parents) if os.path.lexists(path))
    then = "Change that, or name another FLYWHEEL_HOME."
    if not nearest.is_dir():
        return f"{nearest} is no folder: nothing can be kept in {home}. {then}"
    try:
        with TemporaryDirectory(prefix=".flywheel-", dir=nearest):  # file modes do not show a read-only disk
            return None
    except OSError as error:
        reason = WHY_NOT.get(error.errno or 0, f"takes no folder ({error.strerror})")
        return f"{nearest} {reason}: nothing can be kept in {home}. {then}"
