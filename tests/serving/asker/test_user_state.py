"""What is read of one asker: all of it at once, by the codes that item states have, and bounded."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_repo.records import connect, redis_records, seen_pages
from feature_repo.records.layout import encode, layouts, make_layout
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from infra.errors import DefinitionError
from infra.marks import marks
from serving.asker import user_state
from serving.asker.user_state import Tastes, UserReader, UserState
from serving.items import state_follower
from serving.items.state_writer import StateWriter
from serving.online import Online, online
from serving.systems.home_feed import SERVICE
from tests.serving.caller import states_read
from tests.serving.conftest import PATIENT

VECTORS = make_layout("home_feed", "user_vector_ab12", ["user_id"], {"d0": "Float32", "d1": "Float32"})


def with_parts(world: Any, use: Callable[[Online, UserReader], Any]) -> Any:
    """What a coroutine finds in a started service that has read its states."""

    async def run() -> Any:
        parts = online(PATIENT, world.settings, "home_feed")
        await parts.start()
        try:
            await states_read(parts)
            return await use(parts, parts.ladder.parts.users)
        finally:
            await parts.stop()

    return asyncio.run(run())


def read(world: Any, user: str, **how: Any) -> UserState:
    async def use(_: Online, users: UserReader) -> UserState:
        return await users.read(user, **how)

    state: UserState = with_parts(world, use)
    return state


def test_all_that_is_known_comes_in_one_round_trip(world: Any) -> None:
    world.count("user_category", [("u1", c) for c in ("football", "cooking")], lambda i, name: 10 + i)

    async def use(parts: Online, users: UserReader) -> Any:
        round_trips: list[Any] = []
        ask = parts.link.ask
        parts.link.ask = lambda *commands: round_trips.append(commands) or ask(*commands)  # type: ignore[method-assign, func-returns-value]
        state = await users.read("u1")
        assert len(round_trips) == 1
        return state, parts.states

    state, states = with_parts(world, use)
    assert state.why is None
    assert (state.profile["user_profile.language"], state.profile["user_profile.region"]) == ("fr", "FR")
    assert state.counters["user"].values.tolist() == [[7.0] * len(FEATURES.counter_view("user").counters)]
    tastes = state.mixed["user_category"]
    named = states.words["category"].array()[tastes.codes[0]]
    assert dict(zip(named, tastes.values[:, 0].tolist(), strict=True)) == {"music": 30, "football": 10, "cooking": 11}
    assert set(tastes.at) == {world.settings.replay_from.timestamp() - 60}
    assert len(state.mixed["user_length"].at) == 0


def test_of_a_user_nobody_knows_nothing_is_known_and_nothing_wrong(world: Any) -> None:
    state = read(world, "nobody")
    assert (state.profile, state.counters, state.vector, state.why) == ({}, {}, None, None)
    assert not any(len(tastes.at) for tastes in state.mixed.values())
    assert len(state.seen) == 0


def test_keys_with_odd_signs_are_found(world: Any) -> None:
    for i, odd in enumerate(("a\x1fb", "a\\", "ü *", "")):
        world.describe(50 + i, creator_id=odd)
        world.count("user_creator", [("u1", odd)], lambda at, name, i=i: 100 + i)

    async def use(parts: Online, users: UserReader) -> Any:
        creators = parts.states.keys_of("creator_id", parts.states.rows([f"v{50 + i}" for i in range(4)]))
        tastes = (await users.read("u1")).mixed["user_creator"]
        return tastes.values[tastes.places([creators]), 0].tolist()

    assert with_parts(world, use) == [100, 101, 102, 103]


@pytest.mark.parametrize("still_reading", [False, True], ids=["read", "still being read"])
def test_a_taste_in_what_this_process_has_not_met_is_nobodys(
    world: Any, monkeypatch: pytest.MonkeyPatch, still_reading: bool
) -> None:
    """A service answers before it has read its states: then it knows no item's creator, and no taste may be taken."""
    reading = threading.Event()
    follow = StateWriter.follow
    monkeypatch.setattr(state_follower, "PATIENCE_S", 0.0)
    monkeypatch.setattr(StateWriter, "follow", lambda self: reading.wait() and follow(self))

    async def use() -> tuple[list[int], int]:
        parts = online(PATIENT, world.settings, "home_feed")
        await parts.start()
        try:
            if not still_reading:
                reading.set()
                await states_read(parts)
            tastes = (await parts.ladder.parts.users.read("u1")).mixed["user_creator"]
            creators = parts.states.keys_of("creator_id", parts.states.rows(["v2", "v3"]))
            assert creators is not None
            return tastes.places([creators]).tolist(), len(tastes.at)
        finally:
            reading.set()
            await parts.stop()

    places, rows = asyncio.run(use())
    assert places == ([1, 1] if still_reading else [0, 1]), "v2 is by c2, whom u1 likes; 1 is the row after the last"
    assert rows == 1


def test_a_user_with_far_too_many_tastes_is_read_in_part_and_it_is_said(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.count("user_creator", [("u1", f"c{i}") for i in range(20)], lambda i, name: i)
    monkeypatch.setattr(user_state, "MOST_TASTES", 10)
    state = read(world, "u1")
    assert len(state.mixed["user_creator"].at) == 10
    assert state.why == "user_creator: the user has more than 9: some were left out"
    monkeypatch.setattr(user_state, "MOST_TASTES", 21)
    assert read(world, "u1").why is None


def test_the_vector_of_the_live_space_comes_along(world: Any) -> None:
    at = np.array([int(world.settings.replay_from.timestamp()) * 1_000_000])
    record = encode(VECTORS, np.array([[0.5, -1.0]], np.float32), [], at, at)
    redis = connect(world.settings.redis_url)
    redis_records.write_records(redis, VECTORS, [("u1",)], record, world.settings.replay_from)
    state = read(world, "u1", vectors=VECTORS)
    assert state.vector is not None
    assert state.vector.tolist() == [0.5, -1.0]
    assert state.why is None
    assert read(world, "u2", vectors=VECTORS).vector is None
    assert read(world, "u1", vectors=replace(VECTORS, floats=("d0", "d1", "d2"))).vector is None


def test_what_was_shown_is_remembered_newest_first_and_not_for_ever(world: Any) -> None:
    pages = [marks([f"v{page}-{i}" for i in range(30)]) for page in range(20)]

    async def use(parts: Online, users: UserReader) -> Any:
        for page in pages:
            users.remember(await users.read("u9"), page)
        place = seen_pages.seen_prefix(FEATURES.name, SERVICE.user) + "u9"
        in_redis = await parts.link.ask(("LLEN", place), ("TTL", place))
        return (await users.read("u9")).seen, in_redis

    seen, (length, seconds) = with_parts(world, use)
    newest = np.concatenate(pages[::-1])
    np.testing.assert_array_equal(seen, newest[: SERVICE.remembered])
    assert length <= SERVICE.remembered // 30 + 2
    assert 0 < seconds <= SERVICE.remember_s


def test_a_user_who_is_deleted_was_shown_nothing(world: Any) -> None:
    async def use(parts: Online, users: UserReader) -> Any:
        for user in ("u1", "u10"):
            users.remember(UserState(user), marks(["v1"]))
        assert len((await users.read("u1")).seen)
        redis = connect(world.settings.redis_url)
        redis_records.delete_entity(redis, layouts(FEATURES), {SERVICE.user: "u1", "category": "music"})
        assert len((await users.read("u1")).seen), "a taste was deleted, not the user"
        redis_records.delete_entity(redis, layouts(FEATURES), {SERVICE.user: "u1"})
        return len((await users.read("u1")).seen), len((await users.read("u10")).seen)

    assert with_parts(world, use) == (0, 1)


def test_without_redis_the_asker_is_unknown_and_the_reason_is_said(world: Any) -> None:
    async def use(parts: Online, users: UserReader) -> UserState:
        await parts.link.stop()
        users.remember(UserState("u1"), marks(["v1"]))
        return await users.read("u1")

    state: UserState = with_parts(world, use)
    assert state.profile == {}
    assert state.why is not None
    assert "redis" in state.why


def test_a_view_that_does_not_stand_under_the_asker_is_refused(world: Any) -> None:
    turned = tuple(replace(v, keys=v.keys[::-1]) for v in FEATURES.counter_views)
    features = replace(FEATURES, counter_views=turned)
    parts = online(PATIENT, world.settings, "home_feed")
    with pytest.raises(DefinitionError, match=r"user_category: its first key is `category`.*Name `user_id` first"):
        UserReader(parts.link, features, layouts(features), SERVICE, parts.states)


CODES = st.integers(0, 6)


@given(
    rows=st.lists(st.tuples(CODES, CODES), max_size=20, unique=True),
    lookups=st.lists(st.tuples(CODES, CODES), max_size=20),
    keys=st.integers(1, 2),
)
def test_rows_are_found_by_the_whole_combination(rows: Any, lookups: Any, keys: int) -> None:
    rows = list(dict.fromkeys(pair[:keys] for pair in rows))
    codes = np.array(rows, np.int32).reshape(-1, keys)
    tastes = Tastes([*codes.T], np.arange(1, len(rows) + 1, dtype=np.float32)[:, None], np.ones(len(rows)), {})
    columns = [np.array([pair[key] for pair in lookups], dtype=np.int32) for key in range(keys)]
    none = len(rows)
    places = [rows.index(pair[:keys]) if pair[:keys] in rows and all(pair[:keys]) else none for pair in lookups]
    assert tastes.places(columns).tolist() == places


@pytest.mark.parametrize("count", range(4))
def test_no_more_is_found_than_is_asked_for(count: int) -> None:
    values = np.array([[1.0], [3.0], [2.0]], dtype=np.float32)
    tastes = Tastes([np.array([7, 8, 9], np.int32)], values, np.zeros(3), {"liked": 60.0})
    assert tastes.most("liked", now=0.0, above=0.0, count=count).tolist() == [8, 9, 7][:count]
