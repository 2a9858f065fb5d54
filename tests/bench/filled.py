"""A catalogue put into the online store, as materialisation and serving would leave it there."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from redis import Redis

from feature_repo.records import redis_records, seen_pages
from feature_repo.records.layout import Layout, encode, layouts
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from infra.marks import marks
from tests.bench.catalogue import AT, NOW, Catalogue

CHUNK = 100_000
PAGES, PAGE = 5, 20  # what a user was shown lately


def fill(redis: Redis, catalogue: Catalogue) -> dict[str, int]:
    """Write every record of every view, and what users were shown; says how many records, and how large they are.

    What is known by heart of all users together has one size, however many they are, and is no user's.
    """
    users, items = (
        [v for v in (*FEATURES.profile_views, *FEATURES.counter_views) if ("user_id" in v.keys) is own]
        for own in (True, False)
    )
    empty = _bytes(redis)
    records = sum(_view(redis, catalogue, view.name, view.keys) for view in items)
    between = _bytes(redis)
    records += sum(_view(redis, catalogue, view.name, view.keys) for view in users)
    _show(redis, catalogue)
    scale = catalogue.scale
    return {
        "records_in_redis": records,
        "redis_bytes_per_video": (between - empty) // scale.videos,
        "redis_bytes_per_user": (_bytes(redis) - between - _by_heart(redis)) // scale.users,
    }


def _view(redis: Redis, catalogue: Catalogue, name: str, keys: tuple[str, ...]) -> int:
    layout = layouts(FEATURES)[name]
    if name in catalogue.states:
        states = catalogue.states[name]
        entities = zip(*(catalogue.names[k][i] for k, i in zip(keys, states.keys, strict=True)), strict=True)
        published = [[int(AT * 1e6)] * len(states.values)]
        return _write(redis, layout, list(entities), states.values, published)
    columns = catalogue.fields(name)
    named = [(entity,) for entity in catalogue.names[keys[0]]]
    floats = np.stack([columns[f] for f in layout.floats], axis=1) if layout.floats else np.zeros((len(named), 0))
    return _write(redis, layout, named, floats, [list(_plain(columns[f])) for f in layout.others])


def _write(
    redis: Redis, layout: Layout, keys: list[tuple[str, ...]], floats: NDArray[Any], others: list[list[Any]]
) -> int:  # fmt: skip
    for start in range(0, len(keys), CHUNK):
        part = slice(start, start + CHUNK)
        at = np.full(len(keys[part]), int(AT * 1e6), dtype=np.int64)
        records = encode(layout, floats[part].astype(np.float32), [column[part] for column in others], at, at)
        redis_records.write_records(redis, layout, keys[part], records, NOW)
    return len(keys)


def _show(redis: Redis, catalogue: Catalogue) -> None:
    """Pages of marks, as serving remembers what it showed."""
    draw = np.random.default_rng(catalogue.scale.seed + 2)
    known = marks(catalogue.names["video_id"])
    with redis.pipeline(transaction=False) as pipe:
        for user in catalogue.names["user_id"]:
            shown = known[draw.integers(len(known), size=(PAGES, PAGE))]
            pipe.rpush(seen_pages.seen_prefix(FEATURES.name, "user_id") + user, *(page.tobytes() for page in shown))
        pipe.execute()


def _plain(column: Any) -> Sequence[Any]:
    return column.tolist() if isinstance(column, np.ndarray) else column


def _by_heart(redis: Redis) -> int:
    filters = (layout.ever_done_key(counter) for layout in layouts(FEATURES).values() for counter in layout.ever_done)
    return sum(redis.memory_usage(key) or 0 for key in filters)


def _bytes(redis: Redis) -> int:
    return int(redis.info("memory")["used_memory"])
