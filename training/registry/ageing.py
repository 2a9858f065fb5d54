"""What the registry no longer needs: releases, models and runs that are too old, removed in MLflow and on this machine.

A release that is kept keeps its model and its run. A process may be killed between any two steps: what is left is
found again by its own age.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from infra import failpoint
from infra.errors import ReleaseMismatch
from infra.manifest import read_manifest
from infra.settings import Settings
from training.registry import tracking
from training.registry.registry import Registry

if TYPE_CHECKING:
    from mlflow import MlflowClient

AS_OF = "as_of"  # the tag of a run that says as of which moment it trained
RUNS = """SELECT coalesce((SELECT value FROM tags WHERE tags.run_uuid = runs.run_uuid AND key = 'as_of'), start_time)
FROM runs JOIN experiments USING (experiment_id) WHERE experiments.name = ?
AND run_uuid NOT IN (SELECT run_id FROM model_versions WHERE run_id IS NOT NULL)"""
MODELS = """SELECT creation_timestamp_ms FROM logged_models JOIN experiments USING (experiment_id)
WHERE experiments.name = ? AND logged_models.artifact_location NOT IN (SELECT source FROM model_versions)"""


@dataclass(frozen=True, slots=True)
class Aged:
    """Its kind (`release`, `model` or `run`), its id, the day it is of, and where its files are."""

    kind: str
    id: str
    day: date
    files: Path | None


def aged(registry: Registry, settings: Settings, now: datetime, rollback_days: int) -> Iterator[Aged]:
    """All that is not needed, however young: of releases those that were not live lately, runs that made none."""
    kept, folder = registry.kept(now, rollback_days), settings.of(registry.name).releases
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.isdigit() and path.name not in kept:
            yield Aged("release", path.name, _built(path), path)
    if not tracking.exists(settings):
        return
    with tracking.answering(settings) as client:
        versions = list(client.search_model_versions(f"name='{registry.name}'"))
        here = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        for version in versions:
            if str(version.version) not in kept | here:
                yield Aged("release", str(version.version), _moment(version.creation_timestamp), None)
        experiment = client.get_experiment_by_name(registry.name)
        if experiment is not None:
            yield from _unreleased(client, str(experiment.experiment_id), versions)


def remove(registry: Registry, settings: Settings, old: Aged) -> None:
    """Remove something that `aged` named. Runs and models are only marked in MLflow: `purge` removes them."""
    from mlflow.exceptions import MlflowException

    try:
        with tracking.answering(settings) as client:
            match old.kind:
                case "release":
                    client.delete_model_version(registry.name, old.id)
                case "model":
                    client.delete_logged_model(old.id)
                case _:
                    client.delete_run(old.id)
    except MlflowException as gone:
        if gone.error_code not in tracking.ANSWERS:
            raise
    failpoint.reached("retention.unregistered")
    if old.kind == "release" and old.files is not None:
        shutil.rmtree(old.files)


def purge(settings: Settings) -> None:
    """Remove what is marked as deleted in MLflow, with its artefacts; on a tracking server `mlflow gc` does that."""
    if not (settings.tracking_uri.startswith(tracking.PREFIX) and tracking.exists(settings)):
        return
    from contextlib import redirect_stdout
    from io import StringIO

    from mlflow.cli import gc

    uri = settings.tracking_uri
    with redirect_stdout(StringIO()):
        gc.main(["--backend-store-uri", uri, "--tracking-uri", uri], standalone_mode=False)


def oldest_in_database(settings: Settings, name: str) -> date | None:
    """The day of the oldest run or model that no release has, by MLflow's own tables, deleted ones included."""
    path = Path(unquote(settings.tracking_uri.removeprefix(tracking.PREFIX)))
    if not settings.tracking_uri.startswith(tracking.PREFIX) or not path.exists():
        return None
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        moments = [row[0] for query in (RUNS, MODELS) for row in database.execute(query, (name,))]
    return min(map(_moment, moments), default=None)


def _unreleased(client: "MlflowClient", experiment: str, versions: list[Any]) -> Iterator[Aged]:
    from mlflow.entities import ViewType

    models, runs, token = {str(v.source) for v in versions}, {str(v.run_id) for v in versions}, None
    while True:
        page = client.search_logged_models([experiment], page_token=token)
        for model in page:
            if model.artifact_location not in models:
                yield Aged("model", model.model_id, _moment(model.creation_timestamp), _path(model.artifact_location))
        token = page.token
        if not token:
            break
    while True:
        some = client.search_runs([experiment], run_view_type=ViewType.ACTIVE_ONLY, page_token=token)
        for run in some:
            if run.info.run_id not in runs:
                at = run.data.tags.get(AS_OF) or run.info.start_time
                yield Aged("run", run.info.run_id, _moment(at), _path(run.info.artifact_uri))
        token = some.token
        if not token:
            return


def _built(folder: Path) -> date:
    try:
        return read_manifest(folder).created_at.astimezone(UTC).date()
    except ReleaseMismatch:  # half of it is gone
        return datetime.fromtimestamp(folder.stat().st_mtime, UTC).date()


def _moment(at: object) -> date:
    """The day of a moment as MLflow has it: milliseconds, or the text of a tag."""
    if isinstance(at, str) and not at.isdigit():
        return datetime.fromisoformat(at).astimezone(UTC).date()
    return datetime.fromtimestamp(int(str(at)) / 1000, UTC).date()


def _path(address: str) -> Path | None:
    return Path(unquote(address.removeprefix("file://"))) if address.startswith("file://") else None
