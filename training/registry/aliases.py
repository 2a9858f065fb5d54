"""Which version each alias of a registered model names, read without MLflow's library where its database is a file.

Importing MLflow takes 3 CPU seconds and 180 MiB: too much for a sensor that runs every minute, and for
`flywheel releases`. A test compares this answer with MLflow's own.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from infra.errors import Unavailable
from infra.settings import Settings
from training.registry import tracking

ALIASES_OF_MODEL = "SELECT alias, version FROM registered_model_aliases WHERE name = ?"


def aliases(settings: Settings, name: str) -> dict[str, str]:
    """Which version each alias names; nothing where no model of that name is registered."""
    uri = settings.tracking_uri
    return _in_file(Path(uri.removeprefix(tracking.PREFIX)), name) if _is_file(uri) else _from_server(settings, name)


def _is_file(uri: str) -> bool:
    return uri.startswith(tracking.PREFIX) and "?" not in uri


def _in_file(path: Path, name: str) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return {str(alias): str(version) for alias, version in database.execute(ALIASES_OF_MODEL, (name,))}
    except sqlite3.Error as failed:
        if "no such table" in str(failed):  # the database is new and was not used yet
            return {}
        raise Unavailable(f"MLflow's database {path} cannot be read: {failed}. Give the command again.") from failed


def _from_server(settings: Settings, name: str) -> dict[str, str]:
    from mlflow.exceptions import MlflowException

    try:
        with tracking.answering(settings) as client:
            versions_by_alias = client.get_registered_model(name).aliases
    except MlflowException:  # no model of that name
        return {}
    return {alias: str(version) for alias, version in versions_by_alias.items()}
