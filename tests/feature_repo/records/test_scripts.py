"""What becomes of records that nobody writes any more, in a real Redis."""

from dataclasses import replace
from datetime import timedelta

import pytest
from plant import MINUTE, NOON, PAIR, PLACES, PROFILE, TTL, put, seen
from redis import Redis

from feature_repo.records.redis_client import connect
from feature_repo.records.redis_records import Key, Layout, change_position, read_records, record_changes


@pytest.fixture
def redis(redis_url: str) -> Redis:
    return connect(redis_url)


@PLACES
def test_what_is_written_no_more_goes_some_time_and_attributes_stay(redis: Redis, to: Layout, rest: Key) -> None:
    place = to.redis_key(("m",))
    put(redis, replace(to, retention=timedelta(hours=1)), ("m", *rest), 1.0, NOON - MINUTE)
    assert 3500 < redis.ttl(place) <= 3600
    put(redis, replace(to, retention=timedelta(hours=2)), ("m", *rest), 2.0, NOON)
    assert 7100 < redis.ttl(place) <= 7200, "every record that is written renews it"
    put(redis, PROFILE, ("m",), 1.0, NOON)
    assert redis.ttl(PROFILE.redis_key(("m",))) == -1


def test_old_records_go_from_a_hash_that_grows_and_it_is_announced(redis: Redis) -> None:
    layout, old, young = replace(PAIR, retention=TTL), ("m", "old \\ \x1f"), ("m", "young")
    put(redis, layout, old, 1.0, NOON - TTL - 120 * MINUTE)
    put(redis, PAIR, ("n", "old"), 1.0, NOON - TTL - 120 * MINUTE)
    before = change_position(redis, layout)
    put(redis, layout, young, 1.0, NOON - TTL)
    for minutes in range(60, 0, -1):
        for name, to in (("m", layout), ("n", PAIR)):
            redis.hdel(to.redis_key((name,)), "early")
            put(redis, to, (name, "early"), 1.0, NOON - minutes * MINUTE)  # is new, and looks at two of three by lot
    assert read_records(redis, layout, [old, young, ("n", "old")]).present.tolist() == [False, True, True]
    assert seen(record_changes(redis, layout, before))[old] is False
