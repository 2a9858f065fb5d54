"""MLflow, which records runs and releases: its client, without telemetry; the database is made at first use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from infra.address import shown
from infra.errors import Unavailable
from infra.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")  # else it copies the lock file into every model
PREFIX = "sqlite:///"
DESCRIPTION_TAG = "mlflow.note.content"  # MLflow's name for the text on a run's first page
KIND = ("mlflow.experimentKind", "custom_model_development")  # else MLflow shows the pages of language models
ANSWERS = {"RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_PARAMETER_VALUE", "NOT_FOUND"}


def mlflow_client(settings: Settings) -> "MlflowClient":
    """A client of the tracking server and registry; the first one makes an SQLite database, which takes seconds."""
    import logging

    import mlflow

    for name in ("alembic", "mlflow.tracking._model_registry.client"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # prints a traceback of what it raises
    uri = _without_password(settings.tracking_uri)
    if uri.startswith(PREFIX):
        Path(unquote(uri.removeprefix(PREFIX))).parent.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return mlflow.MlflowClient(uri, uri)


def exists(settings: Settings) -> bool:
    """Whether there is anything to ask: an SQLite database that was never made has no answers."""
    uri = settings.tracking_uri
    return not uri.startswith(PREFIX) or Path(unquote(uri.removeprefix(PREFIX))).exists()


@contextmanager
def answering(settings: Settings) -> Iterator["MlflowClient"]:
    """The client for a block; raises Unavailable when MLflow is down, locked or broken. A refusal passes as it is."""
    import requests
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield mlflow_client(settings)
    except (MlflowException, SQLAlchemyError, requests.RequestException) as failed:
        if getattr(failed, "error_code", None) in ANSWERS:
            raise
        raise Unavailable(
            f"MLflow at {shown(settings.tracking_uri)} does not answer: {str(failed).splitlines()[0]}. "
            "See that it runs and that nothing else holds its database, then give the command again."
        ) from failed


def _without_password(uri: str) -> str:
    """The address alone. MLflow repeats it in errors, which Dagster records; name and password it takes from here."""
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"} or parts.password is None:
        return uri
    os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(parts.username or "")
    os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def experiment_id(settings: Settings, name: str) -> str:
    """The id of the experiment of that name, made if need be; without a server its artefacts stay below home."""
    client = mlflow_client(settings)
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        if experiment.tags.get(KIND[0]) != KIND[1]:
            client.set_experiment_tag(experiment.experiment_id, *KIND)
        return str(experiment.experiment_id)
    local = settings.tracking_uri.startswith(PREFIX)
    location = (settings.home.absolute() / "mlflow" / "artifacts" / name).as_uri() if local else None
    return str(client.create_experiment(name, artifact_location=location, tags=dict([KIND])))


def forget_versions(settings: Settings, name: str) -> None:
    """Delete the registered model of that name with all its versions, and put its experiment's runs aside."""
    if not exists(settings):
        return
    with answering(settings) as client:
        for model in client.search_registered_models(f"name='{name}'"):
            client.delete_registered_model(model.name)
        experiment = client.get_experiment_by_name(name)
        if experiment is not None:
            client.rename_experiment(experiment.experiment_id, f"{name}, forgotten ({experiment.experiment_id})")
            client.delete_experiment(experiment.experiment_id)


def artifact_page(run_id: str, path: str) -> str:
    """Where MLflow's own pages find an artefact of a run."""
    return f"get-artifact?path={path}&run_uuid={run_id}"
