"""What an asker blocked, as it was read with them."""

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from infra.marks import marks
from serving.asker import blocked
from serving.asker.asker import RequestAsker
from serving.asker.user_state import UserState
from serving.items.item_states import ItemStates
from serving.systems.home_feed import RELEASE
from tests.serving.memory import NOW, choices, described

BLOCK = "user_choice.block_3650d"


def names(who: UserState, states: ItemStates) -> list[str]:
    return states.words["creator_id"].words_of(blocked.read_blocked(RELEASE, who, NOW)[BLOCK])


def world() -> ItemStates:
    return described(**{f"v{i}": {"creator_id": f"c{i}"} for i in range(5)})


def test_follows_are_no_blocks() -> None:
    states = world()
    chosen = choices(states, follow=("c1",), block=("c2", "c3"))
    assert names(UserState("u1", mixed={"user_choice": chosen}), states) == ["c2", "c3"]


def test_a_record_that_cannot_be_read_counts_as_a_block() -> None:
    states = world()
    torn = choices(states, follow=("c1", "c2"))
    who = UserState("u1", mixed={"user_choice": replace(torn, at=np.array([NOW, np.nan]))})
    assert names(who, states) == ["c2"]


@pytest.mark.parametrize(("known", "gone", "by_bloom_filter"), [
    ({"profile": {"user_profile.region": "FR"}}, False, False),
    ({"profile": {"user_profile.region": "FR"}, "why": "some were left out"}, False, True),
    ({"why": "Redis is down"}, False, True),
    ({}, False, True),  # new, or Redis has lost its memory
    ({}, True, False),
])  # fmt: skip
def test_only_who_was_not_read_in_full_is_looked_up_in_the_bloom_filter(
    known: dict[str, Any], gone: bool, by_bloom_filter: bool
) -> None:
    assert blocked.not_read(RequestAsker(UserState("u1", **known), {}, {}, {}, gone)) == (
        marks(["u1"]) if by_bloom_filter else None
    )
