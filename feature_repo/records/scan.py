"""Finds every record of some views: the store is looked through once for all of them, and the next part is fetched
while the last one is worked on.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from redis import Redis

from feature_repo.records.layout import SEPARATOR, Layout

T = TypeVar("T")
STRINGS = 5000  # records read at once: some 2 ms in which Redis does nothing else
HASHES = 100  # hashes read whole at once: some hundred records each
KeyValues = list[tuple[bytes, bytes | None]]


def held_in(redis: Redis, layouts: Iterable[Layout]) -> Iterator[tuple[Layout, KeyValues]]:
    """Records by view, some thousands at a time, each under the name that the change stream gives it."""
    views = list(layouts)
    for hashed, at_once in ((False, STRINGS), (True, HASHES)):
        wanted = [layout for layout in views if layout.hashed is hashed]
        for found in batched(scan(redis, wanted), at_once) if wanted else ():
            for layout in wanted:
                begins = layout.prefix.encode()
                names = [name for name in found if name.startswith(begins)]
                if names:
                    values: Any = all_records(redis, names) if hashed else zip(names, redis.mget(names), strict=True)
                    yield layout, list(values)


def scan(redis: Redis, layouts: Sequence[Layout]) -> Iterator[bytes]:
    """The Redis keys of some views' records, which are all strings or all hashes; it may name one twice, and others."""
    kind = "HASH" if layouts[0].hashed else "STRING"
    return iter(redis.scan_iter(match=_pattern([layout.prefix for layout in layouts]), count=5000, _type=kind))


def all_records(redis: Redis, hashes: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Every record of some hashes, each under the name that the change stream gives it."""
    with redis.pipeline(transaction=False) as pipe:
        for place in hashes:
            pipe.hgetall(place)
        for place, found in zip(hashes, pipe.execute(), strict=True):
            yield from ((place + SEPARATOR.encode() + field, record) for field, record in found.items())


def batched(keys: Iterator[T], size: int) -> Iterator[list[T]]:
    """So many at a time."""
    while found := list(islice(keys, size)):
        yield found


def prefetched(parts: Iterator[T]) -> Iterator[T]:
    """The same parts, each made in a thread while the one before it is worked on."""
    with ThreadPoolExecutor(1, "ahead") as reader:
        coming = reader.submit(next, parts, None)
        while (part := coming.result()) is not None:
            coming = reader.submit(next, parts, None)
            yield part


def _pattern(prefixes: Sequence[str]) -> str:
    """What Redis matches keys with: every letter that a place of one of the prefixes holds."""
    places = ("".join(sorted(set(letters))) for letters in zip(*prefixes, strict=False))
    return "".join(place if len(place) == 1 else f"[{place}]" for place in places) + "*"
