"""Packed records in Redis: written newest-wins, read in one round trip, deleted by entity, every change announced.

Newest (event time, created time) wins in any order of arrival; of two records with the same times the one that arrives
last wins, so that a published day can be published anew. A record dated later than `now` is refused, and one that got
in all the same is replaced by the next record whatever its time: one wrong clock does not freeze an entity.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from redis import Redis

from feature_repo.records import ever_done, seen_pages
from feature_repo.records.layout import EMPTY, Key, Layout, Packed, decode
from feature_repo.records.made_views import remembered
from feature_repo.records.redis_client import errors_as_unavailable
from feature_repo.records.scan import HASHES, all_records, batched, held_in, prefetched, scan
from feature_repo.records.scripts import DELETE, WRITE
from infra.settings import utc

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What a record may be ahead of `now`: clocks differ, and a state is dated at its minute's end.
CLOCK_SKEW = timedelta(minutes=5)
BATCH = 500  # records a script call: long enough to be cheap, short enough (about 2 ms) not to hold up readers
REMEMBERED = 4096  # script calls the change stream remembers, approximately


@dataclass(frozen=True)
class WriteCounts:
    """What became of the records of one write: `same` were there already, `older` lost, `future` were refused."""

    accepted: int = 0
    same: int = 0
    older: int = 0
    future: int = 0

    def __add__(self, other: "WriteCounts") -> "WriteCounts":
        return WriteCounts(
            self.accepted + other.accepted, self.same + other.same, self.older + other.older, self.future + other.future
        )


@dataclass(frozen=True)
class Changes:
    """The entities of a view that changed after a position, as they are now; a deleted one is missing.

    `complete` is False when the stream no longer reaches back that far, or was lost: then only `read_all` tells all.
    """

    position: str
    records: Packed
    complete: bool


def read_records(redis: Redis, layout: Layout, keys: Sequence[Key]) -> Packed:
    """The records of some entities, in one round trip."""
    if not keys:
        return decode(layout, keys, [])
    with errors_as_unavailable(redis):
        found = _fields(redis, layout, keys) if layout.hashed else redis.mget([layout.redis_key(key) for key in keys])
    return decode(layout, keys, found)  # type: ignore[arg-type]  # redis-py allows for its asynchronous client


def read_all_records(redis: Redis, layout: Layout) -> Packed:
    """Every record of a view. Take `position` before it: what changes meanwhile is then seen again, not lost."""
    with errors_as_unavailable(redis):
        parts = (part for _, part in held_in(redis, [layout]))
        return _decoded(layout, dict(chain.from_iterable(parts)).items())


def read_records_in_parts(redis: Redis, layouts: Iterable[Layout]) -> Iterator[Packed]:
    """Every record of some views in parts of one view each, for views of millions; a record may come twice."""
    with errors_as_unavailable(redis):
        for layout, part in prefetched(held_in(redis, layouts)):
            yield _decoded(layout, part)


def write_records(
    redis: Redis, layout: Layout, keys: Sequence[Key], records: Sequence[bytes], now: datetime
) -> WriteCounts:
    """Write the records of some entities, newest wins; `now` decides which are dated in the future."""
    script, stream = redis.register_script(WRITE), layout.changes
    told = (_microseconds(now + CLOCK_SKEW), REMEMBERED, int(layout.kept.total_seconds()) if layout.kept else 0)
    written = WriteCounts()
    with errors_as_unavailable(redis):
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH]
            ever_done.note(redis, layout, batch, records[start : start + BATCH])
            said: list[Any] = [*told, *records[start : start + BATCH], *_fields_of(layout, batch)]
            counts: Any = script(keys=[*map(layout.redis_key, batch), stream], args=said)
            written += WriteCounts(*counts)
    return written


def delete_entity(redis: Redis, layouts: Mapping[str, Layout], entity: Mapping[str, object]) -> int:
    """Remove every record whose keys hold this entity, in every view, and say how many there were.

    What serving remembers that it showed to this entity goes, too.
    `entity` maps join keys to values: {"user": "u1"} removes u1's own records and those it shares with other entities.
    Where it is a view's first key nothing else is looked at; where it is a later one the whole view is searched.
    A view that lacks one of the join keys is left alone; views that only the store remembers are not. Records come back
    when they are materialised again: delete first where they are computed from. What a machine knows by heart
    (ever_done.py) stays: a Bloom filter cannot forget, and it names nobody.
    """
    held = {name: str(value) for name, value in entity.items()}
    with errors_as_unavailable(redis):
        projects = {found.project for found in layouts.values()}
        if len(held) == 1:  # with several it is what they share that goes, not one of them
            [(key, value)] = held.items()
            for project in projects:
                redis.unlink(seen_pages.seen_prefix(project, key) + value)
        made = [remembered(redis, project) for project in projects]
        views = [*layouts.values(), *(found for of_project in made for found in of_project.values())]
        concerned = [found for found in views if held.keys() <= set(found.keys)]
        return sum(_delete(redis, found, _holding(redis, found, held)) for found in concerned)


def delete_view(redis: Redis, layout: Layout) -> None:
    """Remove every record of a view, its change stream, and what is known of it by heart."""
    with errors_as_unavailable(redis):
        for found in batched(redis.scan_iter(match=f"{layout.prefix}*", count=5000), BATCH):
            redis.unlink(*found)
        redis.unlink(layout.changes, *map(layout.ever_at, layout.ever))


def change_position(redis: Redis, layout: Layout) -> str:
    """Where the change stream ends now."""
    return change_positions(redis, [layout])[0]


def change_positions(redis: Redis, layouts: Iterable[Layout]) -> list[str]:
    """Where the change streams of some views end now, in one round trip."""
    with errors_as_unavailable(redis), redis.pipeline(transaction=False) as pipe:
        for each in layouts:
            pipe.xrevrange(each.changes, count=1)
        return [last[0][0].decode() if last else EMPTY for last in pipe.execute()]


def record_changes(redis: Redis, layout: Layout, after: str, at_most: int = 100) -> Changes:
    """What changed after a position, at most so many batches at once; it does not wait."""
    with errors_as_unavailable(redis):
        complete = _reaches_back(redis, layout, after)
        entries: Any = redis.xread({layout.changes: after}, count=at_most) if complete else []
        announced = entries[0][1] if entries else []
        end = announced[-1][0].decode() if announced else (after if complete else _end(redis, layout) or EMPTY)
        names = {name for _, fields in announced for name in fields}
    return Changes(end, read_records(redis, layout, [layout.entity(name.decode()) for name in names]), complete)


def _reaches_back(redis: Redis, layout: Layout, after: str) -> bool:
    end = _end(redis, layout)
    if end is None or _order(after) > _order(end):
        return after == EMPTY  # the stream was lost with the server's memory
    first: Any = redis.xrange(layout.changes, count=1)
    length: Any = redis.xlen(layout.changes)
    if after == EMPTY:
        return bool(length < REMEMBERED)
    return bool(first) and _order(first[0][0].decode()) <= _order(after)


def _end(redis: Redis, layout: Layout) -> str | None:
    last: Any = redis.xrevrange(layout.changes, count=1)
    return last[0][0].decode() if last else None


def _order(entry: str) -> tuple[int, int]:
    milliseconds, _, number = entry.partition("-")
    return int(milliseconds), int(number or 0)


def _fields(redis: Redis, layout: Layout, keys: Sequence[Key]) -> list[bytes | None]:
    """Records that are fields of hashes: one command a hash, all of them sent as one."""
    places: dict[str, list[int]] = {}
    for i, key in enumerate(keys):
        places.setdefault(layout.redis_key(key), []).append(i)
    with redis.pipeline(transaction=False) as pipe:
        for place, rows in places.items():
            pipe.hmget(place, [layout.field(keys[i]) for i in rows])
        replies = pipe.execute()
    records: list[bytes | None] = [None] * len(keys)
    for rows, found in zip(places.values(), replies, strict=True):
        for i, record in zip(rows, found, strict=True):
            records[i] = record
    return records


def _decoded(layout: Layout, held: Iterable[tuple[bytes, bytes | None]]) -> Packed:
    names, records = zip(*held, strict=True) if held else ((), ())
    return decode(layout, layout.entities(names), records)


def _fields_of(layout: Layout, keys: Sequence[Key]) -> list[str]:
    return [layout.field(key) for key in keys] if layout.hashed else []


def _holding(redis: Redis, layout: Layout, held: Mapping[str, str]) -> Iterator[Key]:
    """The entities of a view that hold another: looked up when it is their first key, searched for otherwise."""
    if set(layout.keys) == held.keys():
        yield tuple(held[name] for name in layout.keys)
        return
    first = held.get(layout.keys[0])
    hashes = scan(redis, [layout]) if first is None else iter([layout.redis_key([first]).encode()])
    for found in batched(hashes, HASHES):
        for name, _ in all_records(redis, found):
            entity = layout.entity(name.decode())
            if held.items() <= dict(zip(layout.keys, entity, strict=True)).items():
                yield entity


def _delete(redis: Redis, layout: Layout, entities: Iterator[Key]) -> int:
    script = redis.register_script(DELETE)
    gone: Any = 0
    for found in batched(entities, BATCH):
        places = [*map(layout.redis_key, found), layout.changes]
        gone += script(keys=places, args=[REMEMBERED, *_fields_of(layout, found)])
    return int(gone)


def _microseconds(moment: datetime) -> int:
    return (utc(moment) - EPOCH) // timedelta(microseconds=1)
