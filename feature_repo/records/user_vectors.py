"""Users' vectors in the online store: one view for each embedding space, written before its release goes live."""

from collections.abc import Collection, Sequence
from datetime import datetime

import numpy as np
from redis import Redis

from feature_repo.records import made_views
from feature_repo.records.layout import Layout, encode, make_layout
from feature_repo.records.redis_client import errors_as_unavailable
from feature_repo.records.redis_records import WriteCounts, delete_view, write_records
from infra.arrays import Float32s
from infra.settings import utc

PREFIX = "user_vector_"
AT_ONCE = 10_000  # vectors encoded together


def vector_layout(project: str, user: str, space: str, width: int) -> Layout:
    """The layout of the users' vectors in a space, with the join key `user`; `space` is the space's digest."""
    return make_layout(project, f"{PREFIX}{space[:8]}", (user,), {f"d{i}": "Float32" for i in range(width)})


def publish_vectors(
    redis: Redis, laid_out: Layout, users: Sequence[str], vectors: Float32s, at: datetime
) -> WriteCounts:
    """Write the vectors of some users, (users, d) float32, learned at a moment; the store lists the view."""
    with errors_as_unavailable(redis):
        made_views.remember(redis, laid_out)
    written = WriteCounts()
    for start in range(0, len(users), AT_ONCE):
        named, part = users[start : start + AT_ONCE], vectors[start : start + AT_ONCE]
        micros = np.full(len(named), round(utc(at).timestamp() * 1e6), dtype=np.int64)
        written += write_records(
            redis, laid_out, [(user,) for user in named], encode(laid_out, part, [], micros, micros), at
        )
    return written


def vectors_published(redis: Redis, project: str, space: str) -> bool:
    """Whether users' vectors in a space are in the store; `space` is the space's digest."""
    with errors_as_unavailable(redis):
        return f"{PREFIX}{space[:8]}" in made_views.remembered(redis, project)


def keep_only_vectors(redis: Redis, project: str, spaces: Collection[str]) -> list[str]:
    """Remove the users' vectors of all spaces but those with these digests; returns the removed views."""
    views_to_keep = {f"{PREFIX}{space[:8]}" for space in spaces}
    with errors_as_unavailable(redis):
        remembered = made_views.remembered(redis, project)
        gone = [view for view in remembered if view.startswith(PREFIX) and view not in views_to_keep]
        for view in gone:
            delete_view(redis, remembered[view])
        made_views.forget(redis, project, gone)
    return gone
