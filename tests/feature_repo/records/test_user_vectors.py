"""Users' vectors in a real Redis: written for a space, gone with it, gone with the user."""

from datetime import UTC, datetime

import numpy as np
import pytest
import redis as redis_client

from feature_repo.records.layout import Layout, make_layout
from feature_repo.records.redis_client import connect
from feature_repo.records.redis_records import delete_entity, read_records
from feature_repo.records.user_vectors import keep_only_vectors, publish_vectors, vector_layout
from infra.errors import Unavailable

AT = datetime(2026, 5, 3, 12, tzinfo=UTC)
OLD, NEW = vector_layout("shop", "guest", "aaaaaaaaaa", 4), vector_layout("shop", "guest", "bbbbbbbbbb", 4)
OTHERS = {"visits": make_layout("shop", "visits", ("guest",), {"count": "Float32"})}
VECTORS = np.arange(8, dtype=np.float32).reshape(2, 4)


def written(redis: "redis_client.Redis", laid_out: Layout) -> list[bool]:
    """Whether u1 and u2 have a vector."""
    return [bool(there) for there in read_records(redis, laid_out, [("u1",), ("u2",)]).present]


def test_a_users_vector_reads_back_as_it_was_learned(redis_url: str) -> None:
    with connect(redis_url) as redis:
        assert publish_vectors(redis, NEW, ["u1", "u2"], VECTORS, AT).accepted == 2
        assert np.array_equal(read_records(redis, NEW, [("u1",), ("u2",)]).values, VECTORS)
        assert publish_vectors(redis, NEW, ["u1", "u2"], VECTORS, AT).same == 2, (
            "a run that is done again changes nothing"
        )


def test_deleting_a_user_removes_the_vectors_of_every_space(redis_url: str) -> None:
    with connect(redis_url) as redis:
        publish_vectors(redis, OLD, ["u1", "u2"], VECTORS, AT)
        publish_vectors(redis, NEW, ["u1", "u2"], VECTORS, AT)
        assert delete_entity(redis, OTHERS, {"guest": "u1"}) == 2
        assert written(redis, OLD) == [False, True]
        assert written(redis, NEW) == [False, True]


def test_a_space_that_no_kept_release_uses_leaves_nothing_behind(redis_url: str) -> None:
    with connect(redis_url) as redis:
        publish_vectors(redis, OLD, ["u1", "u2"], VECTORS, AT)
        publish_vectors(redis, NEW, ["u1", "u2"], VECTORS, AT)
        assert keep_only_vectors(redis, "shop", ["bbbbbbbbbbbbbbbb"]) == [OLD.view]
        assert written(redis, OLD) == [False, False]
        assert written(redis, NEW) == [True, True]
        assert not list(redis.scan_iter(f"*{OLD.view}*"))
        assert keep_only_vectors(redis, "shop", ["bbbbbbbbbbbbbbbb"]) == []


def test_without_redis_it_says_so() -> None:
    with connect("redis://127.0.0.1:9/0") as redis, pytest.raises(Unavailable, match="flywheel up"):
        publish_vectors(redis, NEW, ["u1"], VECTORS[:1], AT)
