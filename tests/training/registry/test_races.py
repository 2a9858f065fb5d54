"""Two processes that decide at the same epoch: one moves, the other is told that it came too late."""

import os
from collections.abc import Callable

import pytest
from one_truth import agree

from infra.errors import Overtaken
from infra.settings import Settings
from tests.training.registry.test_registry import later, promote
from training.registry.registry import Registry

WON, LOST = 0, 3
Act = Callable[[Registry, int], object]

RACES: dict[str, tuple[Act, Act]] = {
    "two promotions": (
        lambda r, epoch: r.promote("3", who="ada", why="better", at=later(20), epoch=epoch),
        lambda r, epoch: r.promote("1", who="bob", why="it was better", at=later(20), epoch=epoch),
    ),
    "on and off": (
        lambda r, epoch: r.advance("sensor", "guardrails hold", later(20), epoch=epoch),
        lambda r, epoch: r.abort("ada", "hides rose", later(20), epoch=epoch),
    ),
}


def racing(act: Act, home: Settings, epoch: int, start: int) -> int:
    """A process that makes a move as soon as the start is given."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.read(start, 1)
            act(Registry(home, "shop"), epoch)
            status = WON
        except Overtaken:
            status = LOST
        finally:
            os._exit(status)
    return child


@pytest.mark.parametrize("race", RACES)
def test_of_two_racing_moves_one_wins_and_the_other_is_refused(
    race: str, live_home: Settings, live_registry: Registry
) -> None:
    if race == "on and off":
        live_registry.enter("3", "dagster", "more days", later(5))
    epoch, moves = live_registry.epoch(), len(live_registry.history())
    gate, start = os.pipe()
    children = [racing(act, live_home, epoch, gate) for act in RACES[race]]
    os.write(start, b"go")
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert sorted(statuses) == [WON, LOST]
    assert len(live_registry.history()) == moves + 1
    assert live_registry.epoch() == epoch + 1
    agree(live_home)
    with pytest.raises(Overtaken, match=f"decided at epoch {epoch}, and now it is {epoch + 1}"):
        live_registry.rollback("eve", "worse", later(21), epoch=epoch)


def test_a_move_without_an_epoch_is_made_whatever_was_moved_before(live_registry: Registry) -> None:
    promote(live_registry, "3", 5)
    live_registry.rollback("ada", "worse", later(6))
    assert live_registry.live() == "2"
