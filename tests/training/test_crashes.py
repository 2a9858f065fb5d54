"""One truth after any crash: history, aliases and pointer name the same releases, and the next moves work."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from one_truth import agree

from infra import failpoint
from infra.errors import NotProven
from infra.settings import Settings
from tests.training.registry.test_registry import later, promote
from training.registry.registry import Registry

SOURCES = sorted((Path(__file__).parents[2] / "training").rglob("*.py"))
FAILPOINTS = [name for path in SOURCES for name in re.findall(r'reached\("(registry-[a-z-]+)"\)', path.read_text())]
KILLED = 137
Register = Callable[[Settings], str]
Act = Callable[[Registry], object]

MOVES: dict[str, Callable[[Settings, Register], object]] = {
    "promote": lambda home, register: promote(Registry(home, "shop"), "3", 5),
    "rollback": lambda home, register: Registry(home, "shop").rollback("bob", "worse", later(5)),
    "register": lambda home, register: register(home),
}
ON_TRIAL: dict[str, tuple[str, Act]] = {  # the stage before it, and the move
    "enter": ("gated", lambda r: r.enter("3", "dagster", "every gate passed", later(20))),
    "give up": ("gated", lambda r: r.abort("ada", "it learned from a leak", later(20), version="1")),
    "advance": ("canary 25", lambda r: r.advance("sensor", "guardrails hold", later(20))),
    "resume": ("canary 25", lambda r: r.resume("ada", "the holidays are over", later(20))),
    "pause": ("canary 50", lambda r: r.pause("ada", "holidays", later(20))),
    "finish": ("canary 50", lambda r: r.advance("sensor", "it is better", later(20))),
    "abort": ("canary 50", lambda r: r.abort("sensor", "hides rose", later(20))),
    "promote another": ("canary 50", lambda r: promote(r, "1", 20)),
    "roll back under": ("canary 50", lambda r: r.rollback("bob", "worse", later(20))),
}


@pytest.fixture(scope="module")
def passed(before: Settings, register: Register, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The failpoints that each move passes."""
    found: dict[str, set[str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, move in MOVES.items():
            home = tmp_path_factory.mktemp(name) / "home"
            shutil.copytree(before.home, home)
            seen = found[name] = set()
            patch.setattr(failpoint, "reached", seen.add)
            move(Settings(home=home), register)
    return found


@pytest.fixture(scope="module")
def staged(before: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Homes whose release 3 stands at a stage; at 25 % its trial is paused."""
    folder = tmp_path_factory.mktemp("staged")
    homes = {"gated": before.home}
    homes["canary 25"] = shutil.copytree(before.home, folder / "25")
    registry = Registry(Settings(home=homes["canary 25"]), "shop")
    registry.enter("3", "dagster", "every gate passed", later(5))
    for minute in (6, 7):
        registry.advance("sensor", "guardrails hold", later(minute))
    registry.pause("ada", "holidays", later(8))
    homes["canary 50"] = shutil.copytree(homes["canary 25"], folder / "50")
    further = Registry(Settings(home=homes["canary 50"]), "shop")
    further.resume("ada", "they are over", later(9))
    further.advance("sensor", "guardrails hold", later(10))
    return homes


def killed(name: str, act: Callable[[], object]) -> bool:
    """Whether a process that acts with this failpoint armed died there."""
    child = os.fork()
    if child == 0:
        failpoint.reached = lambda met: os._exit(KILLED) if met == name else None
        try:
            act()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED


@pytest.mark.parametrize("name", FAILPOINTS)
def test_a_process_that_dies_anywhere_leaves_one_truth_and_moves_that_work(
    name: str, live_home: Settings, register: Register, passed: dict[str, set[str]]
) -> None:
    moves = [move for move, seen in passed.items() if name in seen]
    assert moves, f"nothing reaches the failpoint {name}"
    move = moves[FAILPOINTS.index(name) % len(moves)]  # promotions and rollbacks take the same steps: one of them each
    assert killed(name, lambda: MOVES[move](live_home, register))
    registry = Registry(live_home, "shop")
    assert registry.settle() == [], "what a crash left half done is finished without a word"
    live = agree(live_home)
    promote(registry, other := {"1": "3", "2": "3", "3": "1"}[live], 10)
    assert agree(live_home) == other
    assert registry.rollback("bob", "worse", later(11)) == live == agree(live_home)


@pytest.mark.parametrize("move", ON_TRIAL)
def test_a_move_of_a_trial_that_dies_anywhere_was_made_or_was_never_begun(
    move: str, staged: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, act = ON_TRIAL[move]
    done = Settings(home=shutil.copytree(staged[before], tmp_path / "done"))
    reached: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(failpoint, "reached", reached.append)
        act(Registry(done, "shop"))
    agree(done)
    wanted = Registry(done, "shop").standing()
    assert {"registry-intent-written", "registry-pointer-written", "registry-intent-done"} <= set(reached)
    begun = False
    for name in dict.fromkeys(reached):
        home = Settings(home=shutil.copytree(staged[before], tmp_path / name))
        assert killed(name, lambda home=home: act(Registry(home, "shop")))
        registry = Registry(home, "shop")
        assert registry.settle() == [], name
        agree(home)
        begun = begun or name == "registry-intent-written"
        assert (registry.standing() == wanted) is begun, name


def test_a_rollback_after_a_promotion_that_died_behind_the_aliases_goes_back_everywhere(live_home: Settings) -> None:
    assert killed("registry-previous-named", lambda: promote(Registry(live_home, "shop"), "3", 5))
    registry = Registry(live_home, "shop")
    (said,) = registry.disagreements()
    assert said.startswith("The promotion of release 3 was begun and not finished.")
    assert registry.rollback("bob", "worse", later(6)) == "2" == agree(live_home)
    assert [move.after for move in registry.history()] == ["1", "2", "3", "2"]
    assert not (live_home.home / "alerts.jsonl").exists(), "a crash is no other hand"


def test_a_release_registered_in_part_is_neither_the_newest_nor_promoted(
    live_home: Settings, register: Register
) -> None:
    assert killed("registry-version-made", lambda: register(live_home))
    registry = Registry(live_home, "shop")
    assert registry.newest() == "3"
    with pytest.raises(NotProven, match="registered only in part"):
        promote(registry, "4", 5)
    assert register(live_home) == "5"
