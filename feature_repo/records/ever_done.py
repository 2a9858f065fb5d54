"""Pairs of entities for which an action, such as a block, was ever done: a few MiB in Redis, small enough for memory.

For each counter that a layout names in `ever_done` one string holds a Bloom filter (bloom.py) of the pairs whose record
ever had a count. A deleted record stays in it: nothing can be removed from a Bloom filter, and it names nobody. The
filters of a deleted view are deleted.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from redis import Redis

from feature_repo.records import bloom
from feature_repo.records.layout import Key, Layout, counted
from feature_repo.records.redis_client import errors_as_unavailable
from infra.arrays import Float32s
from infra.marks import Marks, marks

DONE = 0.5  # of a counter that hardly decays: above it, it was done at least once
AT_ONCE = 1 << 20  # bytes of a filter read at once: some 0.2 ms in which Redis does nothing else


def note(redis: Redis, layout: Layout, keys: Sequence[Key], records: Sequence[bytes]) -> None:
    """Add the pairs of some records. Call it before they are written, so that readers of the change see the bits."""
    if not layout.ever_done:
        return
    values, _ = counted(layout, records)
    for counter in layout.ever_done:
        places = bloom.places(*pairs_done(layout, counter, keys, values))
        if places.size:
            bits = redis.bitfield(layout.ever_done_key(counter))
            for place in places.ravel().tolist():
                bits.set("u1", place, 1)
            bits.execute()


def noted_bits(redis: Redis, layout: Layout, counter: str) -> Iterator[tuple[int, bytes]]:
    """The bits of a filter in parts, each with the place of its first byte."""
    with errors_as_unavailable(redis):
        for start in range(0, bloom.BLOOM_BYTES, AT_ONCE):
            part: Any = redis.getrange(layout.ever_done_key(counter), start, start + AT_ONCE - 1)
            if part:
                yield start, part


def pairs_done(layout: Layout, counter: str, keys: Sequence[Key], values: Float32s) -> tuple[Marks, Marks]:
    """Marks of the pairs with a count of a counter; `values` are (keys, floats), NaN where missing."""
    pairs = [keys[i] for i in np.flatnonzero(values[:, layout.floats.index(counter)] > DONE).tolist()]
    return marks(str(left) for left, _ in pairs), marks(str(right) for _, right in pairs)
