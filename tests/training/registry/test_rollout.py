"""A release on trial: entered, moved on, paused, aborted, promoted over, rolled back under."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from one_truth import agree
from shop import AT

from infra.errors import MoveRefused, NotProven, Overtaken, ReleaseMismatch, Unavailable
from infra.settings import Settings
from tests.training.registry.test_registry import Add, later, pointer, promote
from training.registry.local_files import Local
from training.registry.registry import Registry
from training.registry.stages import Stage
from training.registry.tracking import mlflow_client
from training.registry.versions import Versions

Register = Callable[[Settings], str]


def enter(registry: Registry, version: str = "3", minutes: float = 5, why: str = "more days") -> Stage:
    """Put a release on trial as the machine does."""
    return registry.enter(version, "dagster", why, later(minutes))


def test_a_release_goes_from_shadow_over_three_canaries_to_champion(
    live_home: Settings, live_registry: Registry
) -> None:
    assert live_registry.stage_of("3") == "gated"
    assert (enter(live_registry), live_registry.live()) == ("shadow", "2")
    shares = []
    for minute in range(6, 10):
        tried = pointer(live_home)["challenger"]
        shares.append((tried["release"]["version"], tried["share"]))  # type: ignore[index]
        live_registry.advance("sensor", "guardrails hold", later(minute), "2,000 pages", live_registry.epoch())
        agree(live_home)
    assert shares == [("3", 0), ("3", 5), ("3", 25), ("3", 50)]
    assert agree(live_home) == "3"
    assert live_registry.trial() is None
    assert live_registry.stages() == {"1": "retired", "2": "retired", "3": "champion"}
    assert live_registry.history()[-1].row()[1:] == ("advance", "2", "3", "sensor", "guardrails hold")
    assert live_registry.history()[-1].evidence == "2,000 pages"
    assert live_registry.rollback("bob", "worse", later(11)) == "2" == agree(live_home)
    assert live_registry.stages() == {"1": "retired", "2": "champion", "3": "aborted"}


def test_the_askers_of_a_trial_are_drawn_anew_for_each_trial_and_stay_while_it_lasts(
    live_home: Settings, live_registry: Registry
) -> None:
    enter(live_registry)
    salts = [live_registry.trial().salt]  # type: ignore[union-attr]
    live_registry.advance("ada", "calm", later(6))
    assert live_registry.trial().salt == salts[0]  # type: ignore[union-attr]
    live_registry.abort("ada", "errors", later(7))
    enter(live_registry, minutes=8, why="the errors were the network's")
    salts.append(live_registry.trial().salt)  # type: ignore[union-attr]
    assert len(set(salts)) == 2
    assert all(salts)


def test_an_aborted_trial_leaves_the_champion_alone_and_needs_a_new_reason_to_begin_again(
    live_home: Settings, live_registry: Registry
) -> None:
    enter(live_registry)
    live_registry.advance("ada", "calm", later(6))
    assert live_registry.abort("sensor", "hides rose", later(7), "hides +9 % [4, 14]") == "3"
    assert agree(live_home) == "2"
    assert pointer(live_home)["challenger"] is None
    assert live_registry.stage_of("3") == "aborted"
    with pytest.raises(MoveRefused, match=r"release 3 was aborted, and `more days` was given .* before"):
        enter(live_registry, minutes=8)
    assert enter(live_registry, minutes=9, why="the hides were those of a broken app") == "shadow"
    agree(live_home)


def test_the_first_release_of_a_system_is_champion_at_once(registry: Registry, add: Add, home: Settings) -> None:
    assert registry.enter(add(), "dagster", "every gate passed", AT) == "champion"
    assert agree(home) == "1"
    assert registry.enter("1", "dagster", "every gate passed", AT) == "champion", "asked again, nothing moves"
    assert len(registry.history()) == 1


def test_a_refused_release_is_not_tried_either(registry: Registry, add: Add) -> None:
    promote(registry, add())
    with pytest.raises(NotProven, match="slice gate: refused on purpose"):
        enter(registry, add(refused="slice"))
    assert registry.stage_of("2") == "registered"
    assert registry.trial() is None


def test_while_one_is_on_trial_another_waits(live_registry: Registry, live_home: Settings) -> None:
    enter(live_registry)
    assert enter(live_registry, minutes=6) == "shadow", "what is on trial already is"
    with pytest.raises(MoveRefused, match=r"release 1 cannot enter: release 3 is on trial \(shadow\)"):
        enter(live_registry, "1", 6)
    assert live_registry.epoch() == 3


def test_a_paused_trial_stays_where_it_is_until_it_is_resumed(live_registry: Registry, live_home: Settings) -> None:
    enter(live_registry)
    live_registry.advance("ada", "calm", later(6))
    epoch = live_registry.epoch()
    for minute in (7, 8):
        live_registry.pause("ada", "holidays", later(minute))
    trial = live_registry.trial()
    assert trial is not None
    assert (trial.paused, trial.stage, trial.share, trial.since) == (True, "canary 5", 5, later(6))
    assert pointer(live_home)["challenger"]["share"] == 5
    with pytest.raises(Overtaken, match=r"decided at epoch 4, and now it is 5: ada made the move `pause`.*holidays"):
        live_registry.advance("sensor", "guardrails hold", later(9), epoch=epoch)
    live_registry.resume("ada", "they are over", later(10))
    assert not live_registry.trial().paused  # type: ignore[union-attr]
    agree(live_home)


@pytest.mark.parametrize("other", ["1", "3"])
def test_a_promotion_by_hand_ends_the_trial(live_registry: Registry, live_home: Settings, other: str) -> None:
    enter(live_registry)
    promote(live_registry, other, 6)
    assert agree(live_home) == other
    assert live_registry.trial() is None
    assert live_registry.stage_of("3") == ("champion" if other == "3" else "aborted")


def test_a_rollback_ends_the_trial(live_registry: Registry, live_home: Settings) -> None:
    enter(live_registry)
    assert live_registry.rollback("bob", "worse", later(6)) == "1" == agree(live_home)
    assert live_registry.stages() == {"1": "champion", "2": "aborted", "3": "aborted"}


def test_no_rollback_goes_to_a_release_that_was_given_up(live_registry: Registry, live_home: Settings) -> None:
    assert live_registry.abort("ada", "it learned from a leak", later(5), version="1") == "1"
    assert agree(live_home) == "2"
    assert pointer(live_home)["previous"] is None
    with pytest.raises(NotProven, match="nothing to roll back to"):
        live_registry.rollback("bob", "worse", later(6))
    with pytest.raises(MoveRefused, match="release 2 is champion: `abort` is not allowed from there, only `rollback`"):
        live_registry.abort("ada", "bad", later(7), version="2")


def test_nothing_on_trial_is_said(live_registry: Registry) -> None:
    for move in (live_registry.advance, live_registry.abort, live_registry.pause, live_registry.resume):
        with pytest.raises(MoveRefused, match="no release is on trial"):
            move("ada", "why not", AT + timedelta(minutes=5))


def test_a_release_whose_files_are_gone_is_not_entered_and_the_pointer_stays_as_it_was(
    live_registry: Registry, live_home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (live_home.of("shop").releases / "live.json").read_bytes()

    def gone(local: Local, version: str) -> str | None:
        return None if version == "3" else kept(local, version)

    kept = Local.manifest
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Local, "manifest", gone)
        with pytest.raises(ReleaseMismatch, match="release 3: its files are not those that were proven"):
            enter(live_registry)
    assert (live_home.of("shop").releases / "live.json").read_bytes() == before, "not even with another epoch"
    assert live_registry.settle() == [], "what was refused is not finished later"
    assert live_registry.trial() is None
    agree(live_home)


def test_a_trial_ends_also_where_its_files_and_the_live_release_in_mlflow_are_gone(
    live_registry: Registry, live_home: Settings
) -> None:
    enter(live_registry)
    live_registry.advance("ada", "calm", later(6))
    mlflow_client(live_home).delete_model_version("shop", "2")
    mlflow_client(live_home).delete_model_version("shop", "3")
    shutil.rmtree(live_home.of("shop").releases / "3")
    assert any("release 3" in sentence for sentence in live_registry.disagreements())
    live_registry.abort("ada", "it is gone", later(7))
    assert (live_registry.live(), live_registry.trial()) == ("2", None)
    assert (pointer(live_home)["champion"]["version"], pointer(live_home)["challenger"]) == ("2", None)


def test_an_alias_of_the_trial_and_a_share_changed_by_hand_are_put_right(
    live_registry: Registry, live_home: Settings
) -> None:
    enter(live_registry)
    mlflow_client(live_home).set_registered_model_alias("shop", "challenger", "1")
    path = live_home.of("shop").releases / "live.json"
    path.write_text(path.read_text().replace('"share":0', '"share":50'))
    assert len(live_registry.disagreements()) == 3, "the signature is wrong, too"
    assert [("put right" in said) for said in live_registry.settle()] == [True, True]
    agree(live_home)
    path.write_text(path.read_text().replace('"epoch":3', '"epoch":9'))
    (said,) = live_registry.settle()
    assert "is that of move 9, not of move 3" in said
    agree(live_home)


def test_askers_leave_what_is_aborted_or_rolled_back_while_mlflow_is_down(
    live_registry: Registry, live_home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(live_registry)
    live_registry.advance("ada", "calm", later(6))

    def down(versions: Versions, name: str, number: str | None) -> None:
        raise Unavailable("MLflow does not answer.")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Versions, "alias", down)
        with pytest.raises(Unavailable, match=r"Until then the move `abort` of release 3 is half done"):
            live_registry.abort("sensor", "errors", later(7))
        assert pointer(live_home)["challenger"] is None
    assert live_registry.settle() == []
    assert agree(live_home) == "2"
    assert live_registry.stage_of("3") == "aborted"
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Versions, "alias", down)
        with pytest.raises(Unavailable, match="Until then the rollback to release 1 is half done"):
            live_registry.rollback("bob", "worse", later(8))
        assert pointer(live_home)["champion"]["version"] == "1"
    assert live_registry.settle() == []
    assert agree(live_home) == "1"


def test_askers_leave_also_where_no_server_of_mlflow_answers_at_all(
    live_registry: Registry, live_home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(live_registry)
    live_registry.advance("ada", "calm", later(6))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = Registry(live_home.model_copy(update={"mlflow_uri": "http://127.0.0.1:9"}), "shop")
    with pytest.raises(Unavailable, match=r"Until then the move `abort` of release 3 is half done"):
        away.abort("sensor", "errors", later(7))
    assert pointer(live_home)["challenger"] is None
    with pytest.raises(Unavailable, match="Until then the rollback to release 1 is half done"):
        away.rollback("bob", "worse", later(8))
    assert pointer(live_home)["champion"]["version"] == "1"
    live_registry.settle()
    assert agree(live_home) == "1"
    assert [move.action for move in live_registry.history()[-2:]] == ["abort", "rollback"]


@pytest.mark.parametrize("named", ["03", " 3", "+3", "٣", "3" * 30, "../3", ""])
def test_a_release_has_one_name(live_registry: Registry, named: str) -> None:
    for move in (enter, promote):
        with pytest.raises(ReleaseMismatch, match="has no version of that number"):
            move(live_registry, named, 5)
    with pytest.raises(ReleaseMismatch, match="has no version of that number"):
        live_registry.abort("ada", "worse", later(5), version=named or " ")


def test_a_home_may_have_any_name(live_home: Settings, tmp_path: Path) -> None:
    home = tmp_path / "a home, 50%20"
    shutil.copytree(live_home.home, home)
    assert Versions(Settings(home=home), "shop").aliases()["champion"] == "2"
    assert Versions(Settings(home=home), "shop").verdicts() == dict.fromkeys("123", "passed")


def test_retention_keeps_the_release_on_trial(live_registry: Registry, register: Register, live_home: Settings) -> None:
    enter(live_registry)
    for _ in range(2):
        register(live_home)
    assert live_registry.kept(AT + timedelta(days=400), 30) == {"1", "2", "3", "5"}
