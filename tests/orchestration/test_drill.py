"""The drill of a rollback: made on what is live, measured, noted; never in a trial; finished when its process dies."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from infra.errors import Overtaken, Unavailable
from infra.machine_decisions import noted
from orchestration import drill as drills
from orchestration.drill import drill, drill_age, finish_interrupted
from orchestration.release_jobs import release_jobs
from training.registry.stages import Stage
from training.registry.standing import Standing, Trial, standing

AT = datetime(2026, 7, 6, 5, 15, tzinfo=UTC)


class FakeRegistry:
    """Releases 1 and 2 were promoted in turn; a move is only written down."""

    def __init__(self) -> None:
        self.moves: list[Any] = []
        self.tried: Trial | None = None
        self._put("promote", "1", "ada")
        self._put("promote", "2", "ada")

    def _put(self, action: str, version: str, who: str) -> None:
        from training.registry.moves import Move

        self.moves.append(Move(AT, action, self.live(), version, "d", who, "why", epoch=len(self.moves) + 1))  # type: ignore[arg-type]

    def standing(self) -> Standing:
        return standing(self.moves)

    def history(self) -> tuple[Any, ...]:
        return tuple(self.moves)

    def live(self) -> str | None:
        return self.standing().live

    def trial(self) -> Trial | None:
        return self.tried

    def epoch(self) -> int:
        return len(self.moves)

    def deadlines(self) -> dict[str, Any]:
        return {}

    def promote(self, version: str, *, who: str, why: str, at: datetime, epoch: int | None = None) -> None:
        self._must_be(epoch)
        if version != self.live():
            self._put("promote", version, who)

    def _must_be(self, epoch: int | None) -> None:
        if epoch not in {None, self.epoch()}:
            raise Overtaken(f"{self.moves[-1].who} made the move `{self.moves[-1].action}`")

    def rollback(self, who: str, why: str, at: datetime, epoch: int | None = None) -> str:
        self._must_be(epoch)
        self._put("rollback", str(self.standing().previous), who)
        return str(self.live())


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An installation whose service follows at once."""
    registry = FakeRegistry()
    monkeypatch.setattr(drills, "served_releases", lambda settings: {registry.live()})
    return SimpleNamespace(
        registry=registry, now=lambda: AT, system=SimpleNamespace(name="home_feed"),
        settings=SimpleNamespace(part=tmp_path, home=tmp_path),
    )  # fmt: skip


def moves(at: Any) -> list[tuple[str, str, str]]:
    """The moves after the first two."""
    return [(move.action, move.after, move.who) for move in at.registry.moves[2:]]


def alerts(at: Any) -> list[dict[str, Any]]:
    path = at.settings.home / "alerts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_drill_goes_back_and_forward_and_its_age_is_known(at: Any) -> None:
    assert drill_age(at) is None
    outcome = drill(at)
    assert moves(at) == [("rollback", "1", "drill"), ("promote", "2", "drill")]
    (decision,) = noted(at.settings.part)
    assert (decision.did, decision.release, decision.says) == ("drill", "2", outcome.says)
    assert "rolled back from release 2 to 1 and forward again: every worker followed in 0.0 s" in outcome.says
    assert not alerts(at)
    at.now = lambda: AT + timedelta(days=8)
    assert drill_age(at) == timedelta(days=8)


def test_a_service_that_does_not_follow_is_an_alert_and_the_live_release_is_live_again(
    at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drills, "served_releases", lambda settings: {"2"})
    monkeypatch.setattr(drills, "GIVEN_UP_S", 0.01)
    assert "not every worker followed" in drill(at).says
    assert at.registry.live() == "2"
    (alert,) = alerts(at)
    assert "not every worker followed" in alert["drill"]


@pytest.mark.parametrize("hindrance", ["trial", "nothing before", "no service", "another release"])
def test_no_drill_is_made_where_it_would_hurt_or_show_nothing(
    at: Any, monkeypatch: pytest.MonkeyPatch, hindrance: str
) -> None:
    def down(settings: Any) -> set[str]:
        raise Unavailable("no service answers")

    if hindrance == "trial":
        at.registry.tried = Trial("3", Stage.SHADOW, 0, "s", AT, AT)
    elif hindrance == "nothing before":
        at.registry.moves = at.registry.moves[:1]
    else:
        monkeypatch.setattr(
            drills, "served_releases", down if hindrance == "no service" else lambda settings: {"1", "2"}
        )
    assert drill(at).did == "hold"
    assert moves(at) == []
    assert [each.did for each in noted(at.settings.part)] == ["hold"]
    assert drill_age(at) is None, "a drill that was not made is none"


def test_what_somebody_promotes_in_the_middle_of_a_drill_holds(at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def promoted_while_it_waits(settings: Any) -> set[str | None]:
        if at.registry.live() == "1":
            at.registry._put("promote", "3", "bob")
        return {at.registry.live(), "1"} if at.registry.live() == "3" else {at.registry.live()}

    monkeypatch.setattr(drills, "served_releases", promoted_while_it_waits)
    monkeypatch.setattr(drills, "GIVEN_UP_S", 0.01)
    assert "bob made the move" in drill(at).says
    assert moves(at) == [("rollback", "1", "drill"), ("promote", "3", "bob")]


def test_a_release_that_enters_as_a_drill_begins_stays_on_trial(at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def entered_while_it_looks(settings: Any) -> set[str | None]:
        at.registry._put("promote", "3", "bob")
        return {"2"}

    monkeypatch.setattr(drills, "served_releases", entered_while_it_looks)
    outcome = drill(at)
    assert (outcome.did, moves(at)) == ("hold", [("promote", "3", "bob")])
    assert "bob made the move" in outcome.says


def test_what_somebody_moves_as_an_interrupted_drill_is_finished_holds(at: Any) -> None:
    at.registry.rollback("drill", "drill", AT)
    seen = at.registry.history()
    at.registry.history = lambda: (at.registry._put("promote", "3", "bob"), seen)[1]
    at.now = lambda: AT + timedelta(minutes=6)
    assert finish_interrupted(at) is None
    assert at.registry.live() == "3"


def test_a_drill_whose_process_died_is_finished_later(at: Any) -> None:
    at.registry.rollback("drill", "drill", AT)
    assert finish_interrupted(at) is None, "it may still run"
    at.now = lambda: AT + timedelta(minutes=6)
    assert finish_interrupted(at) == "2" == at.registry.live()
    assert finish_interrupted(at) is None
    at.registry.rollback("ada", "worse", AT)
    assert finish_interrupted(at) is None, "no drill"


def test_the_rollback_job_asks_for_a_reason_and_says_who_it_was(at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job = release_jobs(at)["rollback"]
    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.raises(dg.DagsterInvalidConfigError, match="why"):
            job.execute_in_process(instance=instance)
        config = {"ops": {"roll_back": {"config": {"why": "long views fell"}}}}
        assert job.execute_in_process(config, instance=instance).success
    assert moves(at) == [("rollback", "1", "dagster")]


def test_the_drill_job_makes_a_drill(at: Any) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert release_jobs(at)["drill"].execute_in_process(instance=instance).success
    assert drill_age(at) == timedelta(0)
