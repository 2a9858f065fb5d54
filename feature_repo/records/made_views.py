"""Views that no definition names, such as the users' vectors of one release: the store itself remembers them.

They stand in the hash `fw:<project>!made`, view → keys and floats, so that whoever deletes an entity finds them.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from redis import Redis

from feature_repo.records.layout import Layout, make_layout


class Made(msgspec.Struct, frozen=True):
    """What a view of floats is made of."""

    keys: tuple[str, ...]
    floats: tuple[str, ...]


def remember(redis: Redis, view: Layout) -> None:
    """Note a view of floats, before its first record is written."""
    redis.hset(_place(view.project), view.view, msgspec.json.encode(Made(view.keys, view.floats)))


def remembered(redis: Redis, project: str) -> dict[str, Layout]:
    """The layout of every view that was noted and not forgotten."""
    noted: Any = redis.hgetall(_place(project))
    found = {view.decode(): msgspec.json.decode(said, type=Made) for view, said in noted.items()}
    return {
        view: make_layout(project, view, of.keys, dict.fromkeys(of.floats, "Float32")) for view, of in found.items()
    }


def forget(redis: Redis, project: str, views: Iterable[str]) -> None:
    """Note some views no longer, after their last record was removed."""
    for view in views:
        redis.hdel(_place(project), view)


def _place(project: str) -> str:
    return f"fw:{project}!made"
