"""A machine knows by heart whom anybody blocked: also of askers it never served, with Redis down, after a restart."""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from feature_repo.records import connect, redis_records
from feature_repo.records.layout import layouts
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from infra.errors import Unavailable
from infra.marks import marks
from serving.definition import PoolValues
from serving.items import shared_arrays
from serving.items.ever_done_writer import EverWriter
from serving.items.item_states import ItemStates
from serving.page.eligibility import Filters
from serving.page.stocks import Stocks
from serving.systems.home_feed import RELEASE, SERVICE
from tests.serving.caller import Client

BLOCKED = {"v5", "v25", "v45"}
NOBODY = "redis://127.0.0.1:1/0"  # nothing listens there
LAYOUTS = layouts(FEATURES)


def block(world: Any, user: str, creator: str) -> None:
    world.count("user_choice", [(user, creator)], lambda i, name: float("block" in name))


@pytest.fixture(scope="module")
def blocking(lasting_world: Any) -> Any:
    """A world in which `kid` and `elder` have blocked the creator of three videos; nobody ever serves `elder`."""
    block(lasting_world, "kid", "c5")
    block(lasting_world, "elder", "c5")
    who = {"region": ["FR"], "language": ["fr"], "device": ["tv"], "signup_at": [0]}
    lasting_world.write("user_profile", [("kid",)], {**who, "age_group": ["18"], "status": ["active"]})
    lasting_world.release("1")
    lasting_world.promote("1")
    return lasting_world


@pytest.fixture(scope="module")
def caller(blocking: Any) -> Iterator[Client]:
    with Client(blocking) as started:
        yield started


def down(parts: Any, change: pytest.MonkeyPatch) -> None:
    """Redis does not answer any more."""

    async def silent(*_: Any) -> Any:
        raise Unavailable("Redis is down")

    change.setattr(parts.link, "ask", silent)


def lowest(parts: Any, change: pytest.MonkeyPatch) -> None:
    """There is no time for more than the lowest rung, which reads nothing."""
    change.setattr(type(parts.shedding), "exhausted", property(lambda _: True))


def lists(parts: Any, change: pytest.MonkeyPatch) -> None:
    """There are but the release's lists, and Redis is down."""
    down(parts, change)
    empty = ItemStates(FEATURES, SERVICE, capacity=4096)
    empty.words["creator_id"].codes(["c3"])
    empty.ever = parts.states.ever
    made_with = parts.ladder.parts
    for owner, name, value in (
        (made_with, "states", empty), (made_with.scoring, "_states", empty),
        (made_with, "stocks", Stocks(empty, PoolValues())),
    ):  # fmt: skip
        change.setattr(owner, name, value)


RUNGS = [(down, "no_user_state"), (lowest, "popular"), (lists, "popular")]
Rung = Callable[[Any, pytest.MonkeyPatch], None]


@pytest.mark.parametrize(("rung", "served_by"), RUNGS, ids=[rung.__name__ for rung, _ in RUNGS])
def test_nobody_is_shown_whom_they_blocked_by_a_worker_that_never_met_them(
    caller: Client, monkeypatch: pytest.MonkeyPatch, rung: Rung, served_by: str
) -> None:
    rung(caller.online, monkeypatch)
    others = ids(caller.feed(user_id="somebody", limit=60))
    answer = caller.feed(user_id="elder", limit=60)
    assert answer["served_by"] == served_by
    assert set(ids(answer)) == set(others) - BLOCKED
    assert BLOCKED & set(others)
    named = [*others, "nonsense"]
    ranked = caller.send("POST", "/v1/rank", json={"user_id": "elder", "video_ids": named}).json()
    assert set(ids(ranked)) == set(others) - BLOCKED
    assert set(ranked["left_out"]) == {"nonsense", *BLOCKED} & set(named)


def test_who_can_be_read_is_believed(caller: Client, blocking: Any) -> None:
    """What is known by heart cannot be taken back; what stands in Redis can."""
    assert not BLOCKED & set(ids(caller.feed(user_id="kid", limit=60)))
    with connect(blocking.settings.redis_url) as redis:
        redis_records.delete_entity(redis, {"user_choice": LAYOUTS["user_choice"]}, {SERVICE.user: "kid"})
    assert set(ids(caller.feed(user_id="kid", limit=60))) >= BLOCKED


def test_nor_where_redis_has_lost_its_memory(caller: Client, blocking: Any) -> None:
    with connect(blocking.settings.redis_url) as redis:
        redis_records.delete_entity(redis, LAYOUTS, {SERVICE.user: "kid"})
    answer = caller.feed(user_id="kid", limit=60)
    assert answer["served_by"] == "full"
    assert not BLOCKED & set(ids(answer))
    assert BLOCKED & set(ids(caller.feed(user_id="somebody", limit=60)))


def test_nor_after_a_start_without_redis(world: Any) -> None:
    block(world, "elder", "c5")
    with Client(world):
        pass
    nowhere = replace(world, settings=world.settings.model_copy(update={"redis_url": NOBODY}))
    with Client(nowhere, without_redis=True) as again:
        others, answer = (again.feed(user_id=user, limit=60) for user in ("somebody", "elder"))
        assert "redis: " in answer["reason"]
        assert set(ids(answer)) == set(ids(others)) - BLOCKED
        assert set(ids(others)) >= BLOCKED


def writer(world: Any, states: ItemStates) -> EverWriter:
    return EverWriter(connect(world.settings.redis_url), LAYOUTS, states)


def known(states: ItemStates, user: str) -> list[bool]:
    """Whether a user is known to have blocked c5 and c6."""
    block = states.gather(states.rows(["v5", "v6"]))
    return Filters(RELEASE.filters, states).ever_blocked(block, marks([user])).tolist()


@pytest.fixture
def states(world: Any, tmp_path: Any) -> ItemStates:
    followed = ItemStates(FEATURES, SERVICE, tmp_path / "states", capacity=4096)
    followed.words["creator_id"].codes(["c5", "c6"])
    with connect(world.settings.redis_url) as redis:
        followed.take("video_profile", redis_records.read_all_records(redis, LAYOUTS["video_profile"]))
    return followed


def test_a_block_is_known_in_the_next_turn_to_all_processes(world: Any, states: ItemStates, tmp_path: Any) -> None:
    block(world, "early", "c5")
    follower, other = writer(world, states), ItemStates(FEATURES, SERVICE, tmp_path / "states", capacity=4096)
    follower.follow()
    assert [known(other, user) for user in ("early", "late")] == [[True, False], [False, False]]
    block(world, "late", "c6")
    follower.follow()
    assert [known(other, user) for user in ("early", "late")] == [[True, False], [False, True]]


def test_a_writer_that_missed_changes_reads_all_that_was_noted(world: Any, states: ItemStates) -> None:
    follower = writer(world, states)
    block(world, "early", "c5")
    follower.follow()
    block(world, "late", "c6")
    with connect(world.settings.redis_url) as redis:
        redis.xtrim(LAYOUTS["user_choice"].changes, maxlen=0)
    block(world, "nobody", "c9")
    follower.follow()
    assert known(states, "late") == [False, True]


def test_a_redis_that_lost_its_memory_takes_nothing_away(world: Any, states: ItemStates) -> None:
    follower = writer(world, states)
    block(world, "early", "c5")
    follower.follow()
    with connect(world.settings.redis_url) as redis:
        redis.flushall()
    follower.follow()
    block(world, "late", "c6")
    follower.follow()
    assert [known(states, user) for user in ("early", "late")] == [[True, False], [False, True]]


def test_a_full_disk_is_waited_for(world: Any, states: ItemStates, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing to a mapped page without a place on the disk would end the process."""
    follower = writer(world, states)
    block(world, "early", "c5")
    with monkeypatch.context() as disk:
        disk.setattr(shared_arrays.os, "posix_fallocate", full)
        follower.follow()
        assert known(states, "early") == [False, False]
        assert not states.arrays.lacked_room, "states have their room, and do not count as old"
    follower.follow()
    assert known(states, "early") == [True, False]


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def ids(answer: Any) -> list[str]:
    return [item["video_id"] for item in answer["items"]]
