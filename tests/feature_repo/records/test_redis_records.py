"""What packed records promise, in a real Redis: who wins, what is missing, what is deleted, what is announced."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plant import LAYOUTS, MACHINE, MINUTE, NOON, PAIR, PLACES, PROFILE, SHIFT, TTL, micros, put, seen, value
from redis import Redis

from feature_repo.definition import CLOCK_SKEW
from feature_repo.records import redis_records
from feature_repo.records.layout import EMPTY, Presence, counted, decode, encode, plain, split
from feature_repo.records.redis_client import connect
from feature_repo.records.redis_records import (
    Key,
    Layout,
    WriteCounts,
    change_position,
    delete_entity,
    delete_view,
    read_all_records,
    read_records,
    record_changes,
    write_records,
)
from infra.errors import DefinitionError, Unavailable


@pytest.fixture
def redis(redis_url: str) -> Redis:
    return connect(redis_url)


ARRIVALS = [  # (value, minutes of event time, minutes of created time or None)
    [(1.0, -9, None), (2.0, -5, None), (3.0, -1, None)],
    [(1.0, -5, -5), (2.0, -5, -4), (3.0, -5, -2)],
    [(1.0, -9, -1), (2.0, -5, -5), (3.0, -5, -3)],
]


@pytest.mark.parametrize("rows", ARRIVALS, ids=["later_events", "corrections", "late_correction_of_an_old_event"])
@PLACES
def test_the_newest_row_wins_in_every_order_of_arrival(
    redis: Redis, to: Layout, rest: Key, rows: list[tuple[float, int, int | None]]
) -> None:
    for i, order in enumerate(itertools.permutations(rows)):
        for worth, event, created in order:
            made = NOON + created * MINUTE if created else None
            put(redis, to, (f"m{i}", *rest), worth, NOON + event * MINUTE, made)
        assert value(redis, to, f"m{i}", *rest) == 3.0


@PLACES
def test_a_day_published_anew_replaces_what_it_said(redis: Redis, to: Layout, rest: Key) -> None:
    assert put(redis, to, ("m", *rest), 1.0, NOON) == WriteCounts(accepted=1)
    assert put(redis, to, ("m", *rest), 2.0, NOON) == WriteCounts(accepted=1)
    assert put(redis, to, ("m", *rest), 2.0, NOON) == WriteCounts(same=1)
    assert put(redis, to, ("m", *rest), 9.0, NOON - MINUTE) == WriteCounts(older=1)
    assert value(redis, to, "m", *rest) == 2.0


@PLACES
def test_a_row_from_the_future_is_refused_and_one_that_got_in_freezes_nothing(
    redis: Redis, to: Layout, rest: Key
) -> None:
    century, m, n = NOON + timedelta(days=36_500), ("m", *rest), ("n", *rest)
    assert put(redis, to, m, 1.0, century) == WriteCounts(future=1)
    assert put(redis, to, m, 1.0, NOON + CLOCK_SKEW) == WriteCounts(accepted=1), "clocks differ a little"
    assert put(redis, to, n, 1.0, century, now=century) == WriteCounts(accepted=1), "by a writer with a wrong clock"
    assert read_records(redis, to, [n]).presence(NOON.timestamp()) == [Presence.FUTURE]
    assert put(redis, to, n, 2.0, NOON - MINUTE) == WriteCounts(accepted=1)
    assert value(redis, to, *n) == 2.0


def test_missing_stale_and_present_are_told_apart(redis: Redis) -> None:
    put(redis, MACHINE, ("fresh",), 1.0, NOON - TTL)
    put(redis, MACHINE, ("stale",), 1.0, NOON - TTL - MINUTE)
    found = read_records(redis, MACHINE, [("fresh",), ("stale",), ("never",)])
    assert found.presence(NOON.timestamp()).tolist() == [Presence.PRESENT, Presence.STALE, Presence.MISSING]
    assert np.isnan(found.values[2]).all()
    assert np.isnan(found.at[2])


def test_keys_never_meet_by_accident(redis: Redis) -> None:
    pairs = [("1", "23"), ("12", "3"), ("a\x1f", "b"), ("a", "\x1fb"), ("a\\", "\x1fb"), ("", "changes"), ("ü", "*?["),
             ("a", ""), ("", "")]  # fmt: skip
    for i, pair in enumerate(pairs):
        put(redis, PAIR, pair, float(i), NOON)
    assert read_records(redis, PAIR, pairs).values[:, 0].tolist() == list(range(len(pairs)))
    assert sorted(read_all_records(redis, PAIR).keys) == sorted(pairs)


@given(parts=st.lists(st.text(alphabet="a\\\x1f:*", max_size=5), min_size=1, max_size=3))
def test_a_key_says_whose_record_it_is(parts: list[str]) -> None:
    assert PAIR.entity(PAIR.announced(parts)) == tuple(parts)
    assert split(PAIR.field(["m", *parts])) == tuple(parts)


def test_deleting_one_entity_takes_all_it_has_and_nothing_else(redis: Redis) -> None:
    for name in ("m1", "m11"):
        put(redis, MACHINE, (name,), 1.0, NOON)
        for shift in ("early", "late"):
            put(redis, PAIR, (name, shift), 1.0, NOON)
    put(redis, SHIFT, ("m1",), 1.0, NOON)  # a shift that happens to be called like the machine
    assert delete_entity(redis, LAYOUTS, {"machine": "m1"}) == 3
    assert not read_records(redis, MACHINE, [("m1",)]).present.any()
    assert sorted(read_all_records(redis, PAIR).keys) == [("m11", "early"), ("m11", "late")]
    assert value(redis, SHIFT, "m1") == 1.0
    assert delete_entity(redis, LAYOUTS, {"shift": "late"}) == 1, "shared records under another's key are searched for"
    assert delete_entity(redis, LAYOUTS, {"machine": "m11", "shift": "early"}) == 1
    assert not redis.exists(PAIR.redis_key(("m11",)))


def test_what_an_entity_shares_stands_under_its_first_key(redis: Redis) -> None:
    for machine, shift in itertools.product(("m1", "m2"), ("early", "late")):
        put(redis, PAIR, (machine, shift), 1.0, NOON)
    assert redis.hkeys(PAIR.redis_key(("m1",))) == [b"early", b"late"]
    assert sorted(redis.scan_iter(f"{PAIR.prefix}*")) == [b"fw:plant:machine_shift:m1", b"fw:plant:machine_shift:m2"]


def test_deleting_the_first_key_looks_at_no_other(redis: Redis) -> None:
    for machine in range(300):
        put(redis, PAIR, (f"m{machine}", "early"), 1.0, NOON)
    looked = redis.info("commandstats").get("cmdstat_scan", {"calls": 0})["calls"]
    assert delete_entity(redis, {PAIR.view: PAIR}, {"machine": "m7"}) == 1
    assert redis.info("commandstats").get("cmdstat_scan", {"calls": 0})["calls"] == looked


def test_a_view_is_deleted_with_all_its_records(redis: Redis) -> None:
    for view in (MACHINE, PAIR):
        put(redis, view, ("m", "early")[: len(view.keys)], 1.0, NOON)
    delete_view(redis, PAIR)
    assert {key.decode() for key in redis.scan_iter()} == {MACHINE.redis_key(("m",)), MACHINE.changes}


@PLACES
def test_every_change_is_announced_and_deletes_too(redis: Redis, to: Layout, rest: Key) -> None:
    a, b = ("a", *rest), ("b", *rest)
    before = change_position(redis, to)
    put(redis, to, a, 1.0, NOON)
    put(redis, to, b, 1.0, NOON)
    put(redis, to, a, 0.0, NOON - MINUTE)  # older: changes nothing
    changes = record_changes(redis, to, before)
    assert seen(changes) == {a: True, b: True}
    assert changes.complete
    delete_entity(redis, LAYOUTS, {"machine": "a"})
    after = record_changes(redis, to, changes.position)
    assert seen(after) == {a: False}
    assert seen(record_changes(redis, to, after.position)) == {}


def test_records_of_one_hash_that_change_together_are_announced_each(redis: Redis) -> None:
    before, shifts = change_position(redis, PAIR), [("m", "early"), ("m", "late"), ("m", "\x1f"), ("m", "")]
    floats, at = np.ones((len(shifts), 1), np.float32), np.full(len(shifts), micros(NOON))
    write_records(redis, PAIR, shifts, encode(PAIR, floats, [at.tolist()], at, at), NOON)
    assert seen(record_changes(redis, PAIR, before)) == dict.fromkeys(shifts, True)


def test_whoever_fell_behind_is_told_to_read_everything(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    put(redis, MACHINE, ("a",), 1.0, NOON)
    known = change_position(redis, MACHINE)
    redis.xtrim(MACHINE.changes, maxlen=0)
    put(redis, MACHINE, ("b",), 1.0, NOON)
    behind = record_changes(redis, MACHINE, known)
    assert not behind.complete
    assert record_changes(redis, MACHINE, behind.position).complete
    redis.flushall()
    assert not record_changes(redis, MACHINE, behind.position).complete, "the server lost its memory"
    monkeypatch.setattr(redis_records, "REMEMBERED", 1)
    put(redis, MACHINE, ("c",), 1.0, NOON)
    assert not record_changes(redis, MACHINE, EMPTY).complete, "what came before may be trimmed already"


def test_a_record_of_another_layout_is_missing_and_gives_way(redis: Redis) -> None:
    old = Layout(MACHINE.project, MACHINE.view, MACHINE.keys, ("other",), dict(MACHINE.others))
    put(redis, old, ("m",), 1.0, NOON)
    assert not read_records(redis, MACHINE, [("m",)]).present.any()
    assert put(redis, MACHINE, ("m",), 2.0, NOON) == WriteCounts(accepted=1)


def test_an_unknown_field_is_named(redis: Redis) -> None:
    with pytest.raises(DefinitionError, match="Did you mean `stop_1h`"):
        read_records(redis, MACHINE, []).column("stop_1hh")


def test_a_record_says_what_it_was_given() -> None:
    others: list[list[Any]] = [["lathe", None], [7, None], [["saw", "drill"], []]]
    floats = np.array([[1.5], [np.nan]], dtype=np.float32)
    records = encode(PROFILE, floats, others, np.array([1_000_000, 2_000_000]), np.array([0, 3_000_000]))
    found = decode(PROFILE, [("a",), ("b",)], records)
    assert [found.column(name).tolist() for name in PROFILE.others] == others
    assert found.at.tolist() == [1.0, 2.0]
    np.testing.assert_array_equal(found.created, [np.nan, 3.0])
    np.testing.assert_array_equal(found.column("power"), floats[:, 0])


@pytest.mark.parametrize(
    "kinds", [("lathe", "mill"), ("lathe", "press brake"), ()], ids=["equally long", "not", "none"]
)
def test_counters_read_at_once_are_those_read_one_by_one(kinds: tuple[str, ...]) -> None:
    rows = len(kinds)
    floats, at = np.arange(rows, dtype=np.float32)[:, None], np.arange(1, rows + 1) * 1_000_000
    records = encode(PROFILE, floats, [kinds, [7] * rows, [[]] * rows], at, at)
    for found in (
        records,
        [*records, encode(MACHINE, np.ones((1, 3), "f4"), [[1]], at[:1], at[:1])[0]] if rows else [],
    ):
        values, times = counted(PROFILE, found)
        one_by_one = decode(PROFILE, [()] * len(found), found)
        np.testing.assert_array_equal(values, one_by_one.values)
        np.testing.assert_array_equal(times, one_by_one.at)


def test_one_record_reads_as_plain_values() -> None:
    at = np.array([1_000_000])
    (record,) = encode(PROFILE, np.array([[np.nan]], np.float32), [["lathe"], [None], [["saw"]]], at, at)
    known = {"power": None, "kind": "lathe", "bought_at": None, "tools": ["saw"]}
    assert plain(PROFILE, record) == {f"{PROFILE.view}.{name}": value for name, value in known.items()}
    assert plain(PROFILE, None) == plain(MACHINE, record) == {}


REFUSED = "redis://127.0.0.1:1/0"
USES: list[Callable[[Redis], object]] = [
    lambda r: read_records(r, MACHINE, [("m",)]),
    lambda r: read_all_records(r, MACHINE),
    lambda r: put(r, MACHINE, ("m",), 1.0, NOON),
    lambda r: record_changes(r, MACHINE, EMPTY),
    lambda r: delete_entity(r, LAYOUTS, {"machine": "m"}),
]


@pytest.mark.parametrize("use", USES, ids=["read", "read_all", "write", "changes", "delete"])
def test_without_redis_the_error_says_where_it_was_looked_for(use: Callable[[Redis], object]) -> None:
    with pytest.raises(Unavailable, match=r"Redis at 127\.0\.0\.1:1: .*FLYWHEEL_REDIS_URL"):
        use(connect(REFUSED))
