"""A look at a trial moves the real registry; one that dies after the move is made good by the next."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from one_truth import agree

from infra.machine_decisions import noted
from infra.settings import Settings
from orchestration import trials
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from tests.training.registry.test_registry import later
from tests.training.registry.test_rollout import enter
from training.registry.registry import Registry


def installed(home: Settings, registry: Registry, minutes: float) -> Any:
    """As much of an installation as a look in shadow takes."""
    return SimpleNamespace(system=HOME_FEED, registry=registry, settings=home, now=lambda: later(minutes), tables={})


def shadowed(home: Settings, requests: int) -> None:
    """So many requests that release 3 scored beside release 2, a little after it was entered."""
    row = {"at": later(10).isoformat(), "champion": "2", "challenger": "3", "champion_ms": 2.0, "challenger_ms": 2.5}
    lines = [json.dumps({"request_id": f"r{number}", "changed": True, **row}) for number in range(requests)]
    (home.serving / "shadow").mkdir(parents=True)
    (home.serving / "shadow" / "shadow-20260512T001000-1-1.jsonl").write_text("\n".join(lines) + "\n")


def test_a_look_that_dies_after_its_move_is_followed_by_one_that_sees_the_move(
    live_home: Settings, live_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    enter(live_registry)
    shadowed(live_home, 600)
    epoch = live_registry.epoch()
    with monkeypatch.context() as dying:
        dying.setattr("orchestration.trials.atomic_write", die)
        with pytest.raises(KeyboardInterrupt):
            trials.look(installed(live_home, live_registry, 300))
    trial = live_registry.trial()
    assert trial is not None
    assert (trial.share, live_registry.epoch()) == (5, epoch + 1)
    [move] = live_registry.history()[-1:]
    assert (move.who, json.loads(move.evidence)["requests"]) == ("trial sensor", 600)
    assert agree(live_home) == "2"
    again = Installation(HOME_FEED, live_home.model_copy(update={"replay_from": later(305)}))
    again.__dict__["registry"] = live_registry  # of another system, whose releases are quicker to make
    seen = trials.look(again)
    assert seen is not None
    assert (seen.did, seen.trial.share) == ("hold", 5)
    assert [decision.did for decision in noted(again.settings.part)][-1:] == ["hold"]
    assert live_registry.epoch() == epoch + 1


def test_a_release_with_errors_in_shadow_is_aborted_for_good(live_home: Settings, live_registry: Registry) -> None:
    enter(live_registry)
    shadowed(live_home, 600)
    (path,) = (live_home.serving / "shadow").iterdir()
    lines = [json.loads(line) | {"error": "ValueError: 41 features"} for line in path.read_text().splitlines()]
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    seen = trials.look(installed(live_home, live_registry, 40))
    assert seen is not None
    assert seen.did == "abort"
    assert live_registry.trial() is None
    assert agree(live_home) == "2"
