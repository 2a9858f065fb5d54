"""The command line, as a user meets it."""

import json
import os
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

import pytest

from infra.settings import Settings
from tests.conftest import free_port

ROOT = Path(__file__).parents[3]
COMMANDS = (
    "demo",
    "up",
    "ingest",
    "run",
    "rank",
    "token",
    "rotate",
    "releases",
    "prove",
    "promote",
    "rollback",
    "replay",
    "rebuild",
    "gate",
    "bench",
    "funnel",
    "diagnose",
)


def flywheel(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    own = {"FLYWHEEL_HOME": str(home), "FLYWHEEL_SERVICE_PORT": str(free_port())}
    env = {**os.environ, **own, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    return subprocess.run(
        [sys.executable, "-m", "orchestration", *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def texts_of(output: str) -> list[str]:
    """The output as one text, and the text of each column of its table: a long path is broken inside its cell."""
    cells = [line.split("│") for line in output.splitlines() if "│" in line]
    columns = zip_longest(*cells, fillvalue="")
    return [" ".join(" ".join(parts).split()) for parts in (output.splitlines(), *columns)]


def user(number: int) -> dict[str, str]:
    """A row of the users' table."""
    signup = "2026-05-01T00:00:00Z"
    return {
        "user_id": f"u{number}",
        "signup_at": signup,
        "region": "north",
        "language": "de",
        "device": "phone",
        "status": "active",
        "event_time": signup,
    }


def test_help_names_every_command_and_gives_examples(tmp_path: Path) -> None:
    output = flywheel(tmp_path, "--help").stdout
    assert all(command in output for command in COMMANDS)
    examples = [line.strip() for line in output.splitlines() if "flywheel " in line]
    assert "• flywheel ingest events/: your own files into the lake" in examples, "one on a line"


def test_the_same_file_twice_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "users.jsonl").write_text(json.dumps(user(1)) + "\n")
    home = tmp_path / "home"
    first, second = (flywheel(home, "ingest", str(tmp_path / "users.jsonl")) for _ in range(2))
    assert first.returncode == second.returncode == 0, first.stdout + first.stderr
    lake = sorted((Settings(home=home).lake / "tables").rglob("*.parquet"))
    assert len(lake) == 1
    assert (tmp_path / "users.jsonl").exists(), "a user's own file stays where it is"
    assert not [path for path in (home, *home.rglob("*")) if path.stat().st_mode & 0o077], "its owner's alone"


def test_a_quarantined_row_is_exported_mended_and_replayed(tmp_path: Path) -> None:
    rows = [user(number) for number in range(40)]
    rows[7]["device"] = "fridge"
    (tmp_path / "users.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    home, sheet = tmp_path / "home", tmp_path / "mend.jsonl"
    assert flywheel(home, "ingest", str(tmp_path / "users.jsonl")).returncode == 0
    day = next((Settings(home=home).lake / "quarantine" / "users").glob("day=*")).name.removeprefix("day=")
    assert flywheel(home, "ingest", "--replay", day, "--export", str(sheet)).returncode == 0
    line = json.loads(sheet.read_text())
    assert "fridge" in line["reason"]
    sheet.write_text(json.dumps({**line, "mended": {**rows[7], "device": "tv"}}) + "\n")
    assert flywheel(home, "ingest", str(sheet), "--replay", day).returncode == 0
    assert flywheel(home, "ingest", "--replay", day).returncode != 0, "nothing is left to replay"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("ingest", "nowhere/"), "does not exist"),
        (("run", "trian"), "Did you mean `train`?"),
        (("run", "train"), "holds no events yet"),
        (("run", "daily", "--day", "2026-05-03"), "holds no events yet"),
        (("rollback", "--why", "test"), "nothing to roll back to"),
        (("demo", "--source", "kuairand"), "--path"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_work_is_said_in_a_sentence(tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    done = flywheel(tmp_path / "home", *words)
    assert done.returncode != 0
    assert sentence in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", ["ingest events", "run daily", "up", "doctor"])
def test_a_home_that_can_keep_nothing_is_said_before_anything_is_done(tmp_path: Path, words: str) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "videos.jsonl").write_text("{}")
    (tmp_path / "file").write_text("precious")
    done = flywheel(tmp_path / "file" / "home", *words.replace("events", str(tmp_path / "events")).split())
    assert done.returncode != 0
    assert any("is no folder" in text for text in texts_of(done.stdout))
    assert "FAILED" not in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="a folder in which nobody can make one is a system's own matter")
@pytest.mark.parametrize("words", ["rank u1", "token", "rotate", "stream --once", "gate", "promote 1 --why x", "demo"])
def test_a_home_that_cannot_be_made_is_no_surprise_to_any_command(words: str) -> None:
    done = flywheel(Path("/proc/flywheel"), *words.split())
    assert done.returncode == 2
    output = " ".join(done.stdout.split())
    assert "Unavailable: /proc takes no folder" in output
    assert "name another FLYWHEEL_HOME" in output


def test_the_demo_does_not_touch_a_home_with_other_data(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "mine.txt").write_text("precious")
    done = flywheel(home, "demo")
    assert done.returncode != 0
    assert (home / "mine.txt").read_text() == "precious"


def test_a_token_is_made_once_and_a_key_is_changed(tmp_path: Path) -> None:
    first, again = (flywheel(tmp_path, "token", "--role", "rank").stdout for _ in range(2))
    assert len(first.strip()) >= 40
    assert first == again
    assert first != flywheel(tmp_path, "token", "--role", "operate").stdout
    assert "Invalid value" in flywheel(tmp_path, "token", "--role", "root").stderr
    assert (tmp_path / "pseudonyms.json").exists(), "a service that starts next knows how this home keeps ids"
    assert flywheel(tmp_path, "rotate").returncode == 0
    assert len(json.loads((tmp_path / "keyring.json").read_text())["keys"]) == 2
