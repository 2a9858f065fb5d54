"""Records of releases, MLflow and Dagster that are too old."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from functools import partial
from typing import TYPE_CHECKING

from orchestration.retention.dataset import Dataset, Item, size_of
from orchestration.system import Installation

if TYPE_CHECKING:
    import dagster as dg

    from training.registry import Aged


def releases(installation: Installation) -> Dataset:
    """Releases that are not live, previous, best or challenger, and were not live lately: here and in MLflow."""

    def oldest(_: date) -> date | None:
        return min((old.day for old in _aged(installation, {"release"})), default=None)

    return Dataset("releases", installation.ages.releases, partial(_too_old, installation, {"release"}), oldest)


def tracked_runs(installation: Installation) -> Dataset:
    """Runs and models in MLflow that no release has."""

    def oldest(_: date) -> date | None:
        from training.registry import oldest_in_database

        return oldest_in_database(installation.settings, installation.system.name)

    kinds = {"run", "model"}
    return Dataset("MLflow", installation.ages.tracked_runs, partial(_too_old, installation, kinds), oldest)


def dagster_runs(installation: Installation, records: "dg.DagsterInstance | None" = None) -> Dataset:
    """Runs in Dagster, with their events and what their steps printed; `records` of who runs this, else the home's."""

    def too_old(first: date) -> Iterator[Item]:
        import dagster as dg

        with _instance(installation, records) as instance:
            before = dg.RunsFilter(created_before=datetime.combine(first, time.min, UTC))
            old = instance.get_run_records(before, ascending=True) if instance else []
        for record in old:
            run = record.dagster_run.run_id
            yield Item(record.create_timestamp.date(), 0, partial(_remove_run, installation, records, run))

    def oldest(_: date) -> date | None:
        with _instance(installation, records) as instance:
            first = instance.get_run_records(limit=1, ascending=True) if instance else []
        return first[0].create_timestamp.date() if first else None

    return Dataset("Dagster", installation.ages.dagster_runs, too_old, oldest)


def _aged(installation: Installation, kinds: set[str]) -> "list[Aged]":
    from training.registry import aged

    rollback = installation.ages.rollback
    everything = aged(installation.registry, installation.settings, installation.now(), rollback)
    return [old for old in everything if old.kind in kinds]


def _too_old(installation: Installation, kinds: set[str], first: date) -> Iterator[Item]:
    from training.registry import remove

    for old in _aged(installation, kinds):
        if old.day < first:
            size = size_of(old.files) if old.files is not None and old.files.exists() else 0
            yield Item(old.day, size, partial(remove, installation.registry, installation.settings, old))


@contextmanager
def _instance(
    installation: Installation, records: "dg.DagsterInstance | None"
) -> "Iterator[dg.DagsterInstance | None]":
    """Dagster's records: those that are given, else of this home; None where it has none."""
    if records is not None:  # in production they are in Postgres, and not below the home
        yield records
        return
    if not (installation.settings.home / "dagster").exists():
        yield None
        return
    import dagster as dg

    from orchestration.up import environment

    os.environ.update(environment(installation.settings))
    with dg.DagsterInstance.get() as instance:
        yield instance


def _remove_run(installation: Installation, records: "dg.DagsterInstance | None", run: str) -> None:
    with _instance(installation, records) as instance:
        if instance:
            instance.compute_log_manager.delete_logs(prefix=[run])
            instance.delete_run(run)
