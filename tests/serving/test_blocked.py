"""Blocks are kept where they cannot be read: what was last known holds."""

from dataclasses import replace

import numpy as np

from serving.blocked import Blocked
from serving.home_feed import HOME_FEED
from serving.item_states import ItemStates
from serving.user_state import UserState
from tests.serving.memory import NOW, choices, described

BLOCK = "user_choice.block_3650d"


def user(states: ItemStates, name: str = "u1", *block: str) -> UserState:
    return UserState(name, mixed={"user_choice": choices(states, follow=("c1",), block=block)})


def blocked(memory: Blocked, who: UserState, states: ItemStates) -> list[str]:
    return states.words["creator_id"].words_of(memory.by(HOME_FEED, who, NOW)[BLOCK])


def world() -> ItemStates:
    return described(**{f"v{i}": {"creator_id": f"c{i}"} for i in range(5)})


def test_follows_are_no_blocks() -> None:
    states = world()
    assert blocked(Blocked(), user(states, "u1", "c2", "c3"), states) == ["c2", "c3"]


def test_last_known_blocks_hold_while_nothing_can_be_read() -> None:
    states, memory = world(), Blocked()
    blocked(memory, user(states, "u1", "c2"), states)
    assert blocked(memory, UserState("u1", why="Redis is down"), states) == ["c2"]
    assert blocked(memory, UserState("u2", why="Redis is down"), states) == []


def test_what_was_read_in_part_is_added_to_what_was_known() -> None:
    states, memory = world(), Blocked()
    blocked(memory, user(states, "u1", "c2"), states)
    part = user(states, "u1", "c3")
    part.why = "some were left out"
    assert blocked(memory, part, states) == ["c2", "c3"]


def test_a_block_that_is_no_more_is_forgotten() -> None:
    states, memory = world(), Blocked()
    blocked(memory, user(states, "u1", "c2"), states)
    blocked(memory, user(states, "u1"), states)
    assert blocked(memory, UserState("u1", why="Redis is down"), states) == []


def test_a_record_that_cannot_be_read_counts_as_a_block() -> None:
    states = world()
    torn = choices(states, follow=("c1", "c2"))
    who = UserState("u1", mixed={"user_choice": replace(torn, at=np.array([NOW, np.nan]))})
    assert blocked(Blocked(), who, states) == ["c2"]


def test_the_memory_is_bounded() -> None:
    states, memory = world(), Blocked(askers=10)
    for i in range(30):
        blocked(memory, user(states, f"u{i}", "c2"), states)
    down = [blocked(memory, UserState(f"u{i}", why="Redis is down"), states) for i in range(30)]
    assert [bool(found) for found in down] == [False] * 20 + [True] * 10
