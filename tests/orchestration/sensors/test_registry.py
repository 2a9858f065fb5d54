"""The registry is watched: what disagrees is put right, told once, and said by `flywheel releases`."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from infra.manifest import digest_of
from infra.release_format import signature_of
from infra.settings import Settings
from infra.signing import open_signer
from orchestration.commands.cli import app
from orchestration.pipeline import pipeline
from orchestration.sensors.registry import CHECK, settle_registry
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from tests.signed import write_pointer
from training.registry.history import History
from training.registry.moves import Move

AT = datetime(2026, 5, 12, tzinfo=UTC)


@pytest.fixture
def at(tmp_path: Path) -> Installation:
    """An installation in which release 2 is live, as its history and MLflow's table of aliases say."""
    installation = Installation(HOME_FEED, Settings(home=tmp_path / "home", replay_from=AT))
    folder = installation.settings.releases
    (folder / "2").mkdir(parents=True)
    (folder / "2" / "manifest.json").write_text("{}")
    history = History(folder / "history.jsonl")
    for before, after in ((None, "1"), ("1", "2")):
        history.append(Move(AT, "promote", before, after, "d", "ada", "better", digest_of(b"{}")))
    alias(installation, champion="2", previous="1")
    signer = open_signer(installation.settings)  # everything was signed already: MLflow is not asked
    (folder / "2" / "manifest.sig").write_bytes(signature_of(b"{}", signer, "home_feed"))
    (folder / "signed.json").write_text(json.dumps({"key": signer.id}))
    return installation


def alias(at: Installation, **named: str) -> None:
    """Let MLflow's aliases name these versions; its table alone, because a whole database takes seconds to make."""
    path = at.settings.home / "mlflow" / "mlflow.db"
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS registered_model_aliases (name, alias, version)")
        database.execute("DELETE FROM registered_model_aliases")
        rows = [(at.system.name, name, int(version)) for name, version in named.items()]
        database.executemany("INSERT INTO registered_model_aliases VALUES (?, ?, ?)", rows)


def point(at: Installation, version: str) -> None:
    """Write the pointer."""
    named = {"champion": {"version": version, "path": version}, "previous": {"version": "1", "path": "1"}}
    write_pointer(at.settings.releases, named)


def ticked(at: Installation, instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
    """One tick of the sensor, as Dagster's daemon makes it."""
    definitions = pipeline(at)
    context = dg.build_sensor_context(instance, cursor, definitions=definitions)
    return definitions.resolve_sensor_def("registry_sensor").evaluate_tick(context)  # type: ignore[return-value]


def alerts(at: Installation) -> list[str]:
    """What was written down for people."""
    path = at.settings.home / "alerts.jsonl"
    return [json.loads(line)["disagreement"] for line in path.read_text().splitlines()] if path.exists() else []


def test_a_disagreement_is_told_once_as_an_alert_and_as_a_failed_check(
    at: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes: list[list[str]] = [[], ["release 2 is live, but"], ["release 2 is live, but"], []]
    monkeypatch.setattr("training.registry.registry.Registry.settle", lambda self: outcomes.pop(0))
    checks, cursor = [], None
    with dg.DagsterInstance.ephemeral() as instance:
        while outcomes:
            result = ticked(at, instance, cursor)
            cursor = result.cursor
            checks.append([(event.check_name, event.passed) for event in result.asset_events])  # type: ignore[union-attr]
    assert checks == [[], [(CHECK, False)], [], [(CHECK, True)]]
    assert alerts(at) == ["release 2 is live, but"]


def test_a_lost_history_is_an_alert_and_nothing_is_called_never_live(at: Installation) -> None:
    point(at, "2")
    for path in (at.settings.releases).glob("history*.jsonl"):
        path.unlink()
    with dg.DagsterInstance.ephemeral() as instance:
        ticked(at, instance, None)
    (alert,) = alerts(at)
    assert "release 2 is live, but history.jsonl and its copy are gone. `flywheel releases --repair`" in alert


def releases(at: Installation, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """What the command says."""
    monkeypatch.setenv("FLYWHEEL_HOME", str(at.settings.home))
    done = CliRunner().invoke(app, ["releases", *words])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_the_command_says_what_disagrees_and_how_to_put_it_right(
    at: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    point(at, "1")
    alias(at, champion="1")
    output = releases(at, monkeypatch)
    assert "live: 2" in output
    assert "live.json names 1. `flywheel releases --repair` puts it right." in output
    assert "To make release 1 live: `flywheel promote 1 --why …`." in output
    assert "MLflow's alias `champion` names 1." in output


def test_the_command_puts_it_right_when_told_to(at: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    point(at, "1")
    assert "live.json names 1. It was put right." in releases(at, monkeypatch, "--repair")
    assert "names" not in releases(at, monkeypatch)


def test_what_starts_the_service_settles_before_and_says_so(at: Installation) -> None:
    point(at, "1")
    (sentence,) = settle_registry(at)
    assert "live.json names 1. It was put right." in sentence
    assert alerts(at) == [sentence]
    assert settle_registry(at) == []
