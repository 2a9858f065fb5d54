"""Finds every record of some views: the store is scanned once for all of them, and the next part is read while the
last one is processed.
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


def records_by_view(redis: Redis, layouts: Iterable[Layout]) -> Iterator[tuple[Layout, KeyValues]]:
    """Records by view, some thousands at a time, each with its name in the change stream."""
    views = list(layouts)
    for hashed, at_once in ((False, STRINGS), (True, HASHES)):
        of_kind = [layout for layout in views if layout.hashed is hashed]
        for part in batched(scan(redis, of_kind), at_once) if of_kind else ():
            for layout in of_kind:
                begins = layout.prefix.encode()
                names = [name for name in part if name.startswith(begins)]
                if names:
                    values: Any = all_records(redis, names) if hashed else zip(names, redis.mget(names), strict=True)
                    yield layout, list(values)


def scan(redis: Redis, layouts: Sequence[Layout]) -> Iterator[bytes]:
    """The Redis keys of some views' records, which are all strings or all hashes; it may name one twice, and others."""
    kind = "HASH" if layouts[0].hashed else "STRING"
    return iter(redis.scan_iter(match=_pattern([layout.prefix for layout in layouts]), count=5000, _type=kind))


def all_records(redis: Redis, hashes: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Every record of some hashes, each with its name in the change stream."""
    with redis.pipeline(transaction=False) as pipe:
        for place in hashes:
            pipe.hgetall(place)
        for place, fields in zip(hashes, pipe.execute(), strict=True):
            yield from ((place + SEPARATOR.encode() + field, record) for field, record in fields.items())


def batched(keys: Iterator[T], size: int) -> Iterator[list[T]]:
    """The same in lists of at most `size`."""
    while batch := list(islice(keys, size)):
        yield batch


def prefetched(parts: Iterator[T]) -> Iterator[T]:
    """The same parts, each made in a thread while the one before it is processed."""
    with ThreadPoolExecutor(1, "ahead") as reader:
        coming = reader.submit(next, parts, None)
        while (part := coming.result()) is not None:
            coming = reader.submit(next, parts, None)
            yield part


def _pattern(prefixes: Sequence[str]) -> str:
    """A pattern that matches all prefixes: at each place any of the letters that one of them has there."""
    places = ("".join(sorted(set(letters))) for letters in zip(*prefixes, strict=False))
    return "".join(place if len(place) == 1 else f"[{place}]" for place in places) + "*"
