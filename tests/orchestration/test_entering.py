"""A new release begins in shadow; the first goes live; while another is on trial, it waits."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.errors import MoveRefused
from infra.machine_decisions import noted
from orchestration.entering import entered
from orchestration.systems.home_feed import HOME_FEED
from training.registry import Stage


def at(part: Path, becomes: Stage, *, rollout: str = "staged", refused: str = "", rules: bool = True) -> Any:
    """An installation whose registry lets a release become that, or refuses it; with rules of trials, or without."""
    moves: list[tuple[str, str]] = []

    def enter(version: str, *_: object) -> Stage:
        if refused:
            raise MoveRefused(refused)
        moves.append(("enter", version))
        return becomes

    registry = SimpleNamespace(
        live=lambda: "1", enter=enter, promote=lambda version, **_: moves.append(("promote", version)),
        stage_of=lambda version: becomes, moves=moves, trial=lambda: SimpleNamespace(version="2"),
    )  # fmt: skip
    return SimpleNamespace(
        registry=registry, now=lambda: datetime(2026, 7, 2, tzinfo=UTC),
        settings=SimpleNamespace(part=part, home=part, rollout=rollout),
        system=SimpleNamespace(name="trips", trial=HOME_FEED.trial if rules else None),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rollout", "becomes", "move", "says"),
    [
        ("staged", Stage.SHADOW, "enter", "release 2 is in shadow, release 1 is live."),
        ("staged", Stage.CHAMPION, "enter", "release 2 is live."),
        ("at_once", Stage.CHAMPION, "promote", "release 2 is live."),
    ],
    ids=["beside another", "the first", "where there is no traffic to try it on"],
)
def test_a_new_release_enters_as_the_installation_says(
    tmp_path: Path, rollout: str, becomes: Stage, move: str, says: str
) -> None:
    installation = at(tmp_path, becomes, rollout=rollout)
    assert entered(installation, "2", "more days").says == says
    assert installation.registry.moves == [(move, "2")]
    (decision,) = noted(tmp_path)
    assert (decision.did, decision.release) == ("promote" if becomes is Stage.CHAMPION else "enter", "2")
    assert "more days" in decision.says


def test_while_another_is_on_trial_it_waits_and_says_how_it_goes_on(tmp_path: Path) -> None:
    outcome = entered(at(tmp_path, Stage.GATED, refused="release 1 is on trial (canary 5)."), "2", "more days")
    assert outcome.stage == "gated"
    assert "release 1 is on trial (canary 5). Until then it waits (`flywheel enter 2 --why …`)" in outcome.says
    assert [decision.did for decision in noted(tmp_path)] == ["hold"]


@pytest.mark.parametrize("refused", ["", "release 2 is on trial (shadow)."], ids=["it enters", "it waits"])
def test_where_no_sensor_moves_a_release_on_people_are_told_that_they_have_to(tmp_path: Path, refused: str) -> None:
    becomes = Stage.GATED if refused else Stage.SHADOW
    outcome = entered(at(tmp_path, becomes, refused=refused, rules=False), "2", "more days")
    assert "trips has no rules of a trial" in outcome.says
    assert "flywheel advance --why" in outcome.says
    (alert,) = map(json.loads, (tmp_path / "alerts.jsonl").read_text().splitlines())
    assert alert["trial"] == "trips"
    assert alert["says"].startswith("release 2 is on trial. Nobody moves it but you")


def test_the_first_release_and_one_with_a_sensor_alert_nobody(tmp_path: Path) -> None:
    entered(at(tmp_path, Stage.CHAMPION, rules=False), "1", "the first")
    entered(at(tmp_path, Stage.SHADOW), "2", "more days")
    assert not (tmp_path / "alerts.jsonl").exists()
