"""MLflow: where runs and releases are recorded, reached without telemetry and made at first use."""

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from validation.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")  # else it copies the lock file into every model
PREFIX = "sqlite:///"


def client(settings: Settings) -> "MlflowClient":
    """A client of the tracking server and registry; the first one makes an SQLite database, which takes seconds."""
    import logging

    import mlflow

    for name in ("mlflow.store.db.utils", "alembic", "mlflow.tracking._model_registry.client"):
        logging.getLogger(name).setLevel(logging.WARNING)
    uri = settings.tracking_uri
    if uri.startswith(PREFIX):
        Path(unquote(uri.removeprefix(PREFIX))).parent.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return mlflow.MlflowClient(uri, uri)


def experiment(settings: Settings, name: str) -> str:
    """The id of the experiment of that name, made if need be; without a server its artefacts stay below home."""
    of = client(settings)
    found = of.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    local = settings.tracking_uri.startswith(PREFIX)
    where = (settings.home.absolute() / "mlflow" / "artifacts" / name).as_uri() if local else None
    return str(of.create_experiment(name, artifact_location=where))
