"""Writes the stream's due records to Redis: all that was published or received up to a moment."""

from collections.abc import Mapping
from datetime import datetime

from redis import Redis

from feature_repo.records import Layout, split, write_records
from feature_repo.stream.stream_state import StreamState, micros


def bring_online(state: StreamState, redis: Redis, layouts: Mapping[str, Layout], until: int, now: datetime) -> int:
    """Write the newest due record of each entity; returns how many. Writing a record again changes nothing.

    Raises Unavailable when Redis does not answer: then all records stay in the state and are written the next time.
    """
    written = 0
    for view, layout in layouts.items():
        due = state.due(view, until)
        write_records(redis, layout, [split(key) for key, _ in due], [record for _, record in due], now)
        written += len(due)
    if written:
        with state.transaction():
            state.sent(until, micros(now))
    return written
