"""Packed records in Redis: the newest is kept, reads take one round trip, and every change is announced.

The newest (event time, created time) is kept in any order of arrival; of two records with the same times the one that
arrives last, so that a published day can be published again. A record dated later than `now` is refused. One that is
stored all the same is replaced by the next record whatever its time: a wrong clock does not freeze an entity.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from redis import Redis

from feature_repo.definition import CLOCK_SKEW
from feature_repo.records import ever_done, seen_pages
from feature_repo.records.layout import EMPTY, Key, Layout, Packed, decode
from feature_repo.records.made_views import remembered
from feature_repo.records.redis_client import errors_as_unavailable
from feature_repo.records.scan import HASHES, all_records, batched, prefetched, records_by_view, scan
from feature_repo.records.scripts import DELETE, WRITE
from infra.settings import utc

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BATCH = 500  # records a script call: long enough to be cheap, short enough (about 2 ms) not to hold up readers
REMEMBERED = 4096  # script calls that the change stream names, approximately


@dataclass(frozen=True)
class WriteCounts:
    """How many records of a write were accepted, the `same` as stored, `older` than stored, or refused as `future`."""

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

    `complete` is False when the stream no longer reaches back that far, or was lost: then read all records.
    """

    position: str
    records: Packed
    complete: bool


def read_records(redis: Redis, layout: Layout, keys: Sequence[Key]) -> Packed:
    """The records of some entities, in one round trip."""
    if not keys:
        return decode(layout, keys, [])
    with errors_as_unavailable(redis):
        records = _fields(redis, layout, keys) if layout.hashed else redis.mget([layout.redis_key(key) for key in keys])
    return decode(layout, keys, records)  # type: ignore[arg-type]  # redis-py allows for its asynchronous client


def read_all_records(redis: Redis, layout: Layout) -> Packed:
    """Every record of a view. Read the change position first: changes made meanwhile are then read again."""
    with errors_as_unavailable(redis):
        parts = (part for _, part in records_by_view(redis, [layout]))
        return _decoded(layout, dict(chain.from_iterable(parts)).items())


def read_records_in_parts(redis: Redis, layouts: Iterable[Layout]) -> Iterator[Packed]:
    """Every record of some views in parts of one view each, for views of millions; a record may come twice."""
    with errors_as_unavailable(redis):
        for layout, part in prefetched(records_by_view(redis, layouts)):
            yield _decoded(layout, part)


def write_records(
    redis: Redis, layout: Layout, keys: Sequence[Key], records: Sequence[bytes], now: datetime
) -> WriteCounts:
    """Write the records of some entities, the newest is kept; `now` decides which are dated in the future."""
    script, stream = redis.register_script(WRITE), layout.changes
    retention_s = int(layout.retention.total_seconds()) if layout.retention else 0
    limits = (_microseconds(now + CLOCK_SKEW), REMEMBERED, retention_s)
    written = WriteCounts()
    with errors_as_unavailable(redis):
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH]
            ever_done.note(redis, layout, batch, records[start : start + BATCH])
            arguments: list[Any] = [*limits, *records[start : start + BATCH], *_fields_of(layout, batch)]
            counts: Any = script(keys=[*map(layout.redis_key, batch), stream], args=arguments)
            written += WriteCounts(*counts)
    return written


def delete_entity(redis: Redis, layouts: Mapping[str, Layout], entity: Mapping[str, object]) -> int:
    """Remove every record whose keys include this entity, in every view; returns how many there were.

    The pages that serving has noted as shown to this entity are removed, too.
    `entity` maps join keys to values: {"user": "u1"} removes u1's own records and those it shares with other entities.
    Where the entity is a view's first key its records are in one place; where it is a later key all of the view is
    searched. Views without one of the join keys are not changed. Records come back when they are materialised again:
    delete first where they are computed from. The bits of ever_done.py stay: nothing can be removed from a Bloom
    filter, and it names nobody.
    """
    wanted = {name: str(value) for name, value in entity.items()}
    with errors_as_unavailable(redis):
        if len(wanted) == 1:  # with several keys only what they share is removed
            [(key, value)] = wanted.items()
            for project in {layout.project for layout in layouts.values()}:
                redis.unlink(seen_pages.seen_prefix(project, key) + value)
        concerned = views_of(redis, layouts, wanted)
        return sum(_delete(redis, layout, entities_holding(redis, layout, wanted)) for layout in concerned)


def views_of(redis: Redis, layouts: Mapping[str, Layout], keys: Collection[str]) -> list[Layout]:
    """The views that have all of these join keys, those that no definition names among them."""
    noted_views = [remembered(redis, project) for project in {layout.project for layout in layouts.values()}]
    views = [*layouts.values(), *(layout for of_project in noted_views for layout in of_project.values())]
    return [layout for layout in views if set(keys) <= set(layout.keys)]


def delete_view(redis: Redis, layout: Layout) -> None:
    """Remove every record of a view, its change stream and its bits of ever_done.py."""
    with errors_as_unavailable(redis):
        for keys in batched(redis.scan_iter(match=f"{layout.prefix}*", count=5000), BATCH):
            redis.unlink(*keys)
        redis.unlink(layout.changes, *map(layout.ever_done_key, layout.ever_done))


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
    """The changes after a position, of at most so many writes; it does not wait for more."""
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
    """Records that are fields of hashes: one command for each hash, all in one round trip."""
    places: dict[str, list[int]] = {}
    for i, key in enumerate(keys):
        places.setdefault(layout.redis_key(key), []).append(i)
    with redis.pipeline(transaction=False) as pipe:
        for place, rows in places.items():
            pipe.hmget(place, [layout.field(keys[i]) for i in rows])
        replies = pipe.execute()
    records: list[bytes | None] = [None] * len(keys)
    for rows, values in zip(places.values(), replies, strict=True):
        for i, record in zip(rows, values, strict=True):
            records[i] = record
    return records


def _decoded(layout: Layout, named_records: Iterable[tuple[bytes, bytes | None]]) -> Packed:
    names, records = zip(*named_records, strict=True) if named_records else ((), ())
    return decode(layout, layout.entities(names), records)


def _fields_of(layout: Layout, keys: Sequence[Key]) -> list[str]:
    return [layout.field(key) for key in keys] if layout.hashed else []


def entities_holding(redis: Redis, layout: Layout, wanted: Mapping[str, str]) -> Iterator[Key]:
    """The entities of a view whose keys include another entity: read by its first key, or else searched for."""
    if set(layout.keys) == wanted.keys():
        yield tuple(wanted[name] for name in layout.keys)
        return
    first = wanted.get(layout.keys[0])
    hashes = scan(redis, [layout]) if first is None else iter([layout.redis_key([first]).encode()])
    for part in batched(hashes, HASHES):
        for name, _ in all_records(redis, part):
            entity = layout.entity(name.decode())
            if wanted.items() <= dict(zip(layout.keys, entity, strict=True)).items():
                yield entity


def _delete(redis: Redis, layout: Layout, entities: Iterator[Key]) -> int:
    script = redis.register_script(DELETE)
    deleted: Any = 0
    for part in batched(entities, BATCH):
        places = [*map(layout.redis_key, part), layout.changes]
        deleted += script(keys=places, args=[REMEMBERED, *_fields_of(layout, part)])
    return int(deleted)


def _microseconds(moment: datetime) -> int:
    return (utc(moment) - EPOCH) // timedelta(microseconds=1)
