"""A home that an earlier version made: everything says so, one command moves it, and nothing is lost."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from infra import redis_server
from infra.errors import NotMigrated
from infra.settings import Settings, socket_url
from infra.unmigrated import left_at_top, must_be_migrated
from orchestration.commands.cli import app
from orchestration.migration import migrate, moves

FILES = {  # where an earlier version put it → where it is now
    "lake/tables/users/day=2026-05-03/part.parquet": "systems/home_feed/lake/tables/users/day=2026-05-03/part.parquet",
    "landing/users/2026-05-03.jsonl": "systems/home_feed/landing/users/2026-05-03.jsonl",
    "reports/training/long_view/report.md": "systems/home_feed/reports/training/long_view/report.md",
    "erasures/tombstones": "systems/home_feed/erasures/tombstones",
    "releases/.left": "systems/home_feed/releases/.left",
    "releases/home_feed/live.json": "systems/home_feed/releases/live.json",
    "releases/fraud/live.json": "systems/fraud/releases/live.json",
    "candidates/home_feed/release/model.ubj": "systems/home_feed/candidates/release/model.ubj",
    "serving/home_feed/states/x": "systems/home_feed/serving/states/x",
    "serving/metrics/counter.db": "systems/home_feed/serving/metrics/counter.db",
    "stream/home_feed/state.db": "systems/home_feed/stream/state.db",
    "mlflow/mlflow.db": "mlflow/mlflow.db",
    "keyring.json": "keyring.json",
    "logs/service.log": "logs/service.log",
}
FIGURES = "candidates/home_feed/figures.json"


def old(home: Path) -> Path:
    """A home as it was made before there were several systems."""
    for name in FILES:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(name)
    report = home.absolute() / "reports" / "training" / "long_view"
    (home / FIGURES).write_bytes(msgspec.json.encode({"report": str(report), "winner": "xgboost"}))
    return home


def contents(home: Path) -> dict[str, str]:
    return {str(path.relative_to(home)): path.read_text() for path in home.rglob("*") if path.is_file()}


def expected(home: Path) -> dict[str, str]:
    """What a migrated home holds."""
    figures = {"report": str(Settings(home=home.absolute()).reports / "training" / "long_view"),
               "winner": "xgboost"}  # fmt: skip
    moved = {now: before for before, now in FILES.items()}
    return moved | {"systems/home_feed/candidates/figures.json": msgspec.json.encode(figures).decode()}


def test_everything_is_moved_and_nothing_is_lost(tmp_path: Path) -> None:
    home = old(tmp_path / "home")
    assert migrate(Settings(home=home), print) == 11
    assert contents(home) == expected(home)
    assert not left_at_top(home)
    must_be_migrated(home)
    assert migrate(Settings(home=home), print) == 0


def test_killed_between_any_two_moves_and_done_again_it_is_as_if_it_had_never_been_killed(tmp_path: Path) -> None:
    count = len(list(moves(old(tmp_path / "counted"))))
    for done in range(1, count):
        home = old(tmp_path / str(done))
        for source, target in list(moves(home))[:done]:
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
        with pytest.raises(NotMigrated):
            must_be_migrated(home)
        migrate(Settings(home=home), print)
        assert contents(home) == expected(home), done


@pytest.mark.parametrize(
    "words", ["releases", "run daily", "ingest x", "--system fraud systems", "up", "demo", "doctor"]
)
def test_every_command_says_what_to_do_and_begins_no_second_lake(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = old(tmp_path / "home")
    monkeypatch.setenv("FLYWHEEL_HOME", str(home))
    monkeypatch.setenv("FLYWHEEL_SYSTEM", "home_feed")
    before = contents(home)
    refused = CliRunner().invoke(app, words.split()).exception
    assert isinstance(refused, NotMigrated)
    assert "was made by an earlier version" in str(refused)
    assert "give `flywheel migrate` once" in str(refused)
    assert contents(home) == before


def test_the_command_moves_everything_and_may_be_given_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = old(tmp_path / "home")
    monkeypatch.setenv("FLYWHEEL_HOME", str(home))
    assert "11 folders were moved" in CliRunner().invoke(app, ["migrate"]).stdout
    assert contents(home) == expected(home)
    assert "Nothing to move" in CliRunner().invoke(app, ["migrate"]).stdout


@pytest.mark.parametrize("module", ["orchestration.definitions", "serving.service"])
def test_code_location_and_service_refuse_before_they_make_a_folder(module: str, tmp_path: Path) -> None:
    home = old(tmp_path / "home")
    env = {**os.environ, "FLYWHEEL_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", f"import {module}"], env=env, capture_output=True, text=True, check=False
    )
    assert "NotMigrated" in done.stderr
    assert not (home / "systems").exists()


def test_what_lies_at_both_places_is_never_overwritten(tmp_path: Path) -> None:
    home = old(tmp_path / "home")
    new = Settings(home=home).lake / "tables"
    new.mkdir(parents=True)
    with pytest.raises(NotMigrated, match="something lies there already, and nothing is overwritten"):
        migrate(Settings(home=home), print)
    assert (home / "lake" / "tables" / "users").exists()
    new.rmdir()
    migrate(Settings(home=home), print)
    assert contents(home) == expected(home)


def test_what_is_delivered_to_the_old_landing_afterwards_joins_the_rest(tmp_path: Path) -> None:
    home = old(tmp_path / "home")
    migrate(Settings(home=home), print)
    late = home / "landing" / "users" / "2026-05-04.jsonl"
    late.parent.mkdir(parents=True)
    late.write_text("late")
    migrate(Settings(home=home), print)
    assert contents(home) == expected(home) | {"systems/home_feed/landing/users/2026-05-04.jsonl": "late"}
    late.parent.mkdir(parents=True)
    late.write_text("another one of that name")
    with pytest.raises(NotMigrated, match="nothing is overwritten"):
        migrate(Settings(home=home), print)
    assert late.read_text() == "another one of that name"


def test_a_link_to_another_disk_goes_on_naming_the_same_folder(tmp_path: Path) -> None:
    home = old(tmp_path / "home")
    (home / "landing").rename(tmp_path / "disk")
    (home / "landing").symlink_to(Path("..") / "disk")
    half = Settings(home=home).part
    half.mkdir(parents=True)
    (half / "landing").symlink_to(tmp_path / "disk")  # the command was killed between the new link and the old one
    migrate(Settings(home=home), print)
    assert (half / "landing").resolve() == tmp_path / "disk"
    assert (half / "landing" / "users" / "2026-05-03.jsonl").exists()
    assert not left_at_top(home)


def test_nothing_is_moved_while_the_installation_runs(tmp_path: Path) -> None:
    home = old(tmp_path / "home")
    with redis_server.running(socket_url(home), home / "redis"), pytest.raises(NotMigrated, match="Stop it"):
        migrate(Settings(home=home), print)
    assert left_at_top(home)
    shutil.rmtree(home)
