"""Views that no definition names, such as the users' vectors of one release: the store itself lists them.

The list is the hash `fw:<project>!made`, view → keys and floats, so that deleting an entity includes them.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from redis import Redis

from feature_repo.records.layout import Layout, make_layout


class FloatView(msgspec.Struct, frozen=True):
    """The keys and floats of a view."""

    keys: tuple[str, ...]
    floats: tuple[str, ...]


def remember(redis: Redis, view: Layout) -> None:
    """List a view of floats, before its first record is written."""
    redis.hset(_place(view.project), view.view, msgspec.json.encode(FloatView(view.keys, view.floats)))


def remembered(redis: Redis, project: str) -> dict[str, Layout]:
    """The layout of every listed view."""
    stored: Any = redis.hgetall(_place(project))
    views = {view.decode(): msgspec.json.decode(encoded, type=FloatView) for view, encoded in stored.items()}
    return {
        view: make_layout(project, view, of.keys, dict.fromkeys(of.floats, "Float32")) for view, of in views.items()
    }


def forget(redis: Redis, project: str, views: Iterable[str]) -> None:
    """Take some views off the list, after their last record was removed."""
    for view in views:
        redis.hdel(_place(project), view)


def _place(project: str) -> str:
    return f"fw:{project}!made"
