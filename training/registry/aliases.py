"""Which version each alias of a model names, and which versions passed their gates, read without MLflow's library.

Where its database is a file, it is read as one. Importing MLflow takes 3 CPU seconds and 180 MiB: too much for a sensor
that runs every minute, and for `flywheel releases`. A test compares these answers with MLflow's own.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

from infra.errors import Unavailable
from infra.settings import Settings
from training.registry import tracking

ALIASES = "SELECT alias, version FROM registered_model_aliases WHERE name = ?"
VERDICTS = """SELECT versions.version, verdicts.value FROM model_versions AS versions
JOIN model_version_tags AS verdicts ON verdicts.name = versions.name AND verdicts.version = versions.version
JOIN model_version_tags AS complete ON complete.name = versions.name AND complete.version = versions.version
WHERE versions.name = ? AND versions.current_stage != 'Deleted_Internal'
AND verdicts.key = 'verdict' AND complete.key = 'manifest_sha256'"""


def aliases(settings: Settings, name: str) -> dict[str, str]:
    """Which version each alias names; nothing where no model of that name is registered."""
    from_file = _in_file(settings, name, ALIASES)
    return _from_server(settings, name) if from_file is None else from_file


def verdicts(settings: Settings, name: str) -> dict[str, str]:
    """What the gates said of each version that was registered completely: `passed` or `refused`."""
    from_file = _in_file(settings, name, VERDICTS)
    return _tagged(settings, name) if from_file is None else from_file


def _in_file(settings: Settings, name: str, query: str) -> dict[str, str] | None:
    """The answer of MLflow's database where it is a file, else None."""
    uri = settings.tracking_uri
    if not uri.startswith(tracking.PREFIX) or "?" in uri:
        return None
    path = Path(unquote(uri.removeprefix(tracking.PREFIX)))
    if not path.exists():
        return {}
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return {str(key): str(value) for key, value in database.execute(query, (name,))}
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


def _tagged(settings: Settings, name: str) -> dict[str, str]:
    with tracking.answering(settings) as client:
        versions = list(client.search_model_versions(f"name='{name}'"))
    return {str(each.version): str(each.tags["verdict"]) for each in versions if "manifest_sha256" in each.tags}
