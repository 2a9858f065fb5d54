"""A replay's clock is moved while processes run: days pass in minutes."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.clock import Clock, ClockHand
from infra.errors import DefinitionError
from infra.settings import Settings

NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)
ANOTHER_PROCESS = """
import sys
from infra.clock import Clock
from infra.settings import Settings
clock = Clock.of(Settings())
for line in sys.stdin:
    print(clock.now(), flush=True)
"""


def settings(tmp_path: Path) -> Settings:
    """A replay whose clock is moved."""
    return Settings(home=tmp_path, replay_from=NOON, replay_clock=tmp_path / "clock")


def test_another_process_follows_the_hand_both_ways(tmp_path: Path) -> None:
    at = settings(tmp_path)
    hand = ClockHand(tmp_path / "clock", NOON.timestamp())
    variables = {"FLYWHEEL_REPLAY_FROM": NOON.isoformat(), "FLYWHEEL_REPLAY_CLOCK": str(tmp_path / "clock")}
    command = [sys.executable, "-c", ANOTHER_PROCESS]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, env=variables | {"PYTHONPATH": str(root)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        for moment in (NOON.timestamp() + 86_400, NOON.timestamp() - 3600):
            hand.move(moment)
            other.stdin.write("?\n")
            other.stdin.flush()
            assert moment <= float(other.stdout.readline()) <= Clock.of(at).now()
        other.stdin.close()


def test_a_clock_that_nobody_has_moved_starts_where_the_replay_does(tmp_path: Path) -> None:
    assert NOON.timestamp() <= Clock.of(settings(tmp_path)).now() < NOON.timestamp() + 600


def test_the_present_cannot_be_moved(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="FLYWHEEL_REPLAY_FROM"):
        Clock.of(Settings(home=tmp_path, replay_clock=tmp_path / "clock"))
