"""The commands about releases on trial, over a registry whose MLflow knows nothing but aliases and verdicts."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.errors import FlywheelError
from infra.manifest import digest_of
from infra.settings import Settings
from orchestration.commands.cli import app
from training.registry.history import History
from training.registry.live import Live
from training.registry.local_files import Local
from training.registry.moves import Action, Move
from training.registry.signatures import Signatures
from training.registry.versions import Versions

AT = datetime(2026, 5, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Release 1 is live, 2 in shadow; MLflow takes every alias."""
    settings = Settings(home=tmp_path / "home")
    monkeypatch.setenv("FLYWHEEL_HOME", str(settings.home))
    database = settings.home / "mlflow" / "mlflow.db"
    database.parent.mkdir(parents=True)
    with closing(sqlite3.connect(database)) as created, created:
        created.execute("CREATE TABLE registered_model_aliases (name, alias, version, PRIMARY KEY (name, alias))")

    def alias(versions: Versions, name: str, number: str | None) -> None:
        with closing(sqlite3.connect(database)) as opened, opened:
            row = ("home_feed", name, number)
            opened.execute("INSERT OR REPLACE INTO registered_model_aliases VALUES (?, ?, ?)", row)
            opened.execute("DELETE FROM registered_model_aliases WHERE version IS NULL")

    monkeypatch.setattr(Versions, "alias", alias)
    for version in "12":
        folder = settings.releases / version
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
    _moved(settings, "promote", None, "1", "")
    _moved(settings, "enter", "1", "2", "shadow")
    return settings


def _moved(settings: Settings, action: Action, before: str | None, after: str, stage: str) -> None:
    history, versions = History(settings.releases / "history.jsonl"), Versions(settings, "home_feed")
    local = Local(settings.releases, versions)
    signatures = Signatures(settings, "home_feed", versions, local)
    (settings.releases / "signed.json").write_text(json.dumps({"key": signatures.signer.id}))
    (settings.releases / after / "manifest.sig").write_bytes(signatures.of_manifest(b"{}"))
    live = Live(settings.releases, history, versions, local, signatures)
    move = Move(
        AT, action, before, after, "d", "ada", "more days", digest_of(b"{}"), stage=stage, salt="s",
        epoch=len(history.read()) + 1,
    )  # fmt: skip
    live.move(move)


def said(*words: str) -> str:
    """What a command says."""
    done = CliRunner().invoke(app, [*words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_a_trial_is_moved_on_held_and_ended_by_commands_and_the_list_tells_it_all(home: Settings) -> None:
    assert "on trial: 2, shadow since 2026-05-12 00:00 UTC" in said("releases")
    assert "canary 5, 5 % of askers" in said("advance", "--why", "calm", "--evidence", "2,000 pages", "--epoch", "2")
    said("pause", "--why", "holidays [/x], see [docs]")
    assert "holidays [/x], see [docs]" in said("releases"), "what people write is no markup"
    assert "on trial: 2, canary 5 since" in (listed := said("releases"))
    assert "UTC, paused" in listed
    said("resume", "--why", "they are over")
    assert "release 2: aborted; live: 1" in said("abort", "--why", "hides rose", "--who", "bob")
    listed = said("releases")
    for words in ("95 %", "2 canary 5 5 %", "2 aborted", "1 champion", "hides rose", "2,000 pages", "epoch: 6"):
        assert words in listed.replace("│ ", "").replace("  ", " "), words


def test_a_command_decided_on_what_is_no_more_is_refused(home: Settings) -> None:
    said("advance", "--why", "calm")
    done = CliRunner().invoke(app, ["abort", "--why", "hides rose", "--epoch", "2"])
    assert isinstance(done.exception, FlywheelError)
    assert "decided at epoch 2, and now it is 3" in str(done.exception)
    assert "on trial: 2, canary 5" in said("releases")


@pytest.mark.parametrize("command", ["enter 3", "advance", "abort", "pause", "resume"])
def test_a_move_without_a_reason_is_none(home: Settings, command: str) -> None:
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 2
    assert "--why" in done.output
