"""What was ever done stands in Redis beside the records that say so, whoever writes them and in whatever order."""

from dataclasses import replace

import numpy as np
import pytest
from plant import MINUTE, NOON, PAIR, put
from redis import Redis

from feature_repo.records import bloom, ever_done
from feature_repo.records.redis_client import connect
from feature_repo.records.redis_records import delete_entity, delete_view
from infra.marks import marks

(STOP,) = PAIR.floats
CHOICE = replace(PAIR, ever_done=(STOP,))


@pytest.fixture
def redis(redis_url: str) -> Redis:
    return connect(redis_url)


def known(redis: Redis, *pair: str) -> bool:
    """Whether a machine that has read what was noted knows a pair."""
    bits = np.zeros(bloom.BLOOM_BYTES, dtype=np.uint8)
    for start, part in ever_done.noted_bits(redis, CHOICE, STOP):
        bits[start : start + len(part)] |= np.frombuffer(part, dtype=np.uint8)
    return bool(bloom.bloom_holds(bits, marks(pair[:1]), marks(pair[1:]))[0])


def test_what_a_record_says_was_done_is_noted(redis: Redis) -> None:
    put(redis, CHOICE, ("m1", "early"), 1.0, NOON)
    put(redis, CHOICE, ("m1", "late"), 0.4, NOON)
    assert [known(redis, "m1", shift) for shift in ("early", "late")] == [True, False]
    assert not known(redis, "m2", "early")


def test_it_is_noted_whichever_record_wins(redis: Redis) -> None:
    put(redis, CHOICE, ("m1", "early"), 0.0, NOON)
    put(redis, CHOICE, ("m1", "early"), 1.0, NOON - MINUTE)
    assert known(redis, "m1", "early")


def test_what_is_written_again_is_noted_where_it_was_not(redis: Redis) -> None:
    """A store filled before anybody noted anything."""
    put(redis, PAIR, ("m1", "early"), 1.0, NOON)
    assert not known(redis, "m1", "early")
    assert put(redis, CHOICE, ("m1", "early"), 1.0, NOON).same == 1
    assert known(redis, "m1", "early")


def test_a_deleted_record_stays_noted_and_a_deleted_view_does_not(redis: Redis) -> None:
    put(redis, CHOICE, ("m1", "early"), 1.0, NOON)
    delete_entity(redis, {CHOICE.view: CHOICE}, {"machine": "m1"})
    assert known(redis, "m1", "early")
    delete_view(redis, CHOICE)
    assert not known(redis, "m1", "early")
    assert not list(redis.scan_iter())
