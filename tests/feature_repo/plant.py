"""A small world to keep records of: machines and shifts of a plant, one view of each kind."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from redis import Redis

from feature_repo.records.layout import counter_fields, encode, make_layout
from feature_repo.records.redis_records import Changes, Layout, WriteCounts, read_records, write_records

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TTL = timedelta(days=2)
MACHINE = make_layout("plant", "machine", ["machine"], counter_fields(["stop_1h", "stop_1d", "part_1h"]), TTL)
PAIR = make_layout("plant", "machine_shift", ["machine", "shift"], counter_fields(["stop_1d"]), TTL)
SHIFT = make_layout("plant", "shift", ["shift"], counter_fields(["stop_1d"]), TTL)
PROFILE = make_layout(
    "plant", "profile", ["machine"],
    {"kind": "String", "bought_at": "Int64", "power": "Float32", "tools": "Array(String)"},
)  # fmt: skip
LAYOUTS = {layout.view: layout for layout in (MACHINE, PAIR, SHIFT, PROFILE)}


def micros(moment: datetime) -> int:
    """Microseconds since the epoch, as records have it."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def put(
    redis: Redis, to: Layout, key: tuple[str, ...], value: float, event: datetime,
    created: datetime | None = None, now: datetime = NOON,
) -> WriteCounts:  # fmt: skip
    """Write a record whose counters all have this value."""
    floats = np.full((1, len(to.floats)), value, dtype=np.float32)
    created_us = micros(created) if created else 0
    record = encode(to, floats, [[micros(event)]], np.array([micros(event)]), np.array([created_us]))
    return write_records(redis, to, [key], record, now)


def value(redis: Redis, of: Layout, *key: str) -> float:
    """The value of an entity's record."""
    return float(read_records(redis, of, [key]).values[0, 0])


# Records stand in two kinds of places, and the same is promised of both: strings, and fields of a hash.
PLACES = pytest.mark.parametrize(("to", "rest"), [(MACHINE, ()), (PAIR, ("early",))], ids=["string", "field"])


def seen(changes: Changes) -> dict[tuple[str, ...], bool]:
    """The entities that changed, and whether they are still there."""
    return dict(zip(changes.records.keys, changes.records.present.tolist(), strict=True))
