"""Dagster's settings files: they load, and the two profiles differ only where they say."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.instance.config import dagster_instance_config
from dagster._core.workspace.config_schema import ensure_workspace_config

INFRA = Path(__file__).parents[2] / "infra"


def read(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((INFRA / name).read_text()))


def test_the_embedded_profile_gives_a_working_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text((INFRA / "dagster.yaml").read_text())
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_runs() == []
        assert instance.telemetry_enabled is False
        assert instance.nux_enabled is False
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 2
        assert instance.run_retries_max_retries == 1
    assert any((tmp_path / "history").iterdir())


def test_the_production_profile_is_what_dagster_accepts(tmp_path: Path) -> None:
    """Checked against Dagster's own schema; no Postgres is asked."""
    (tmp_path / "dagster.yaml").write_text((INFRA / "dagster.production.yaml").read_text())
    settings, _ = dagster_instance_config(str(tmp_path))
    assert settings["storage"]["postgres"]["postgres_db"]["db_name"] == "dagster"


def test_the_profiles_differ_only_in_storage_and_in_how_many_runs_go_at_once() -> None:
    embedded, production = read("dagster.yaml"), read("dagster.production.yaml")
    assert embedded.pop("storage") != production.pop("storage")
    assert embedded["concurrency"]["runs"].pop("max_concurrent_runs") == 2
    assert production["concurrency"]["runs"].pop("max_concurrent_runs") == 4
    assert embedded == production


@pytest.mark.parametrize("name", ["workspace.yaml", "workspace.production.yaml"])
def test_the_workspaces_are_what_dagster_accepts(name: str) -> None:
    ensure_workspace_config(read(name), str(INFRA / name))


def test_the_workspace_names_the_module_that_exists() -> None:
    module = read("workspace.yaml")["load_from"][0]["python_module"]["module_name"]
    assert find_spec(module) is not None
