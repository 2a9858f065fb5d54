"""All records of some views are found in one look through the store, each in its own view, and nothing else."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from redis import Redis

from feature_repo.records.layout import counter_fields, encode, make_layout
from feature_repo.records.redis_client import connect
from feature_repo.records.redis_records import Key, Layout, read_records_in_parts, write_records
from feature_repo.records.scan import prefetched
from infra.errors import Unavailable

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
COUNTED = counter_fields(["stop_1d"])
MACHINE, MACHINES = (
    make_layout("plant", "machine", ["machine"], COUNTED),
    make_layout("plant", "machines", ["m"], COUNTED),
)
SHIFT, PAIR = (
    make_layout("plant", "shift", ["shift"], COUNTED),
    make_layout("plant", "pair", ["machine", "shift"], COUNTED),
)
WANTED: dict[str, list[Key]] = {
    "machine": [("m1",), ("m:2",), ("with \\ and \x1f",), ("été",)], "shift": [("early",)],
    "pair": [("m1", "early"), ("m1", "late"), ("m2", "a\x1fb")],
}  # fmt: skip


@pytest.fixture
def redis(redis_url: str) -> Redis:
    redis = connect(redis_url)
    for layout in (MACHINE, SHIFT, PAIR):
        put(redis, layout, WANTED[layout.view])
    put(redis, MACHINES, [("of another view",)])
    put(redis, make_layout("shop", "machine", ["machine"], COUNTED), [("of another project",)])
    return redis


def put(redis: Redis, to: Layout, keys: Sequence[Key]) -> None:
    at = np.full(len(keys), int(NOON.timestamp()) * 1_000_000)
    write_records(redis, to, keys, encode(to, np.ones((len(keys), 1), np.float32), [at.tolist()], at, at), NOON)


def calls(redis: Redis) -> int:
    return int(redis.info("commandstats").get("cmdstat_scan", {"calls": 0})["calls"])


def test_each_record_is_found_in_its_own_view_in_one_look(redis: Redis) -> None:
    keys_by_view: dict[str, list[Key]] = {}
    before = calls(redis)
    for part in read_records_in_parts(redis, [MACHINE, SHIFT, PAIR]):
        assert part.present.all()
        keys_by_view.setdefault(part.layout.view, []).extend(part.keys)
    by_view, wanted = ({view: sorted(keys) for view, keys in each.items()} for each in (keys_by_view, WANTED))
    assert by_view == wanted
    assert calls(redis) - before == 2, "one look for strings and one for hashes, however many views there are"


def test_what_fails_while_the_next_part_is_fetched_is_told() -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
        list(read_records_in_parts(connect("redis://127.0.0.1:1/0", 0.1), [MACHINE]))


def test_parts_come_in_their_order_and_one_ahead() -> None:
    made_parts: list[int] = []

    def parts() -> Iterator[int]:
        for i in range(5):
            made_parts.append(i)
            yield i

    for i, part in enumerate(prefetched(parts())):
        assert part == i
        assert len(made_parts) <= i + 2
    assert made_parts == [*range(5)]
