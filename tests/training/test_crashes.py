"""One truth after any crash: history, aliases and pointer name the same release, and the next moves work."""

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

MOVES: dict[str, Callable[[Settings, Register], object]] = {
    "promote": lambda home, register: promote(Registry(home, "shop"), "3", 5),
    "rollback": lambda home, register: Registry(home, "shop").rollback("bob", "worse", later(5)),
    "register": lambda home, register: register(home),
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


def killed(name: str, move: Callable[[Settings, Register], object], home: Settings, register: Register) -> bool:
    """Whether a process that makes a move with this failpoint armed died there."""
    child = os.fork()
    if child == 0:
        failpoint.reached = lambda met: os._exit(KILLED) if met == name else None
        try:
            move(home, register)
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
    assert killed(name, MOVES[move], live_home, register)
    registry = Registry(live_home, "shop")
    assert registry.settle() == [], "what a crash left half done is finished without a word"
    live = agree(live_home)
    promote(registry, other := {"1": "3", "2": "3", "3": "1"}[live], 10)
    assert agree(live_home) == other
    assert registry.rollback("bob", "worse", later(11)) == live == agree(live_home)


def test_a_rollback_after_a_promotion_that_died_behind_the_aliases_goes_back_everywhere(
    live_home: Settings, register: Register
) -> None:
    assert killed("registry-previous-named", MOVES["promote"], live_home, register)
    registry = Registry(live_home, "shop")
    (said,) = registry.disagreements()
    assert said.startswith("The promotion of release 3 was begun and not finished.")
    assert registry.rollback("bob", "worse", later(6)) == "2" == agree(live_home)
    assert [move.after for move in registry.history()] == ["1", "2", "3", "2"]
    assert not (live_home.home / "alerts.jsonl").exists(), "a crash is no other hand"


def test_a_release_registered_in_part_is_neither_the_newest_nor_promoted(
    live_home: Settings, register: Register
) -> None:
    assert killed("registry-version-made", MOVES["register"], live_home, register)
    registry = Registry(live_home, "shop")
    assert registry.newest() == "3"
    with pytest.raises(NotProven, match="registered only in part"):
        promote(registry, "4", 5)
    assert register(live_home) == "5"
