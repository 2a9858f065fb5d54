"""What was ever done by one to another, such as a block: a few MiB in Redis from which a machine can know it by heart.

For each counter that a layout names in `ever` one string holds a Bloom filter (bloom.py) of the pairs whose
record ever said that it was done. A deleted record stays in it, for a Bloom filter cannot forget, and it names nobody.
What a deleted view held goes.
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
    """Note what some records say was done. Call it before they are written: who is told of them finds it noted."""
    if not layout.ever:
        return
    values, _ = counted(layout, records)
    for counter in layout.ever:
        found = bloom.places(*pairs_done(layout, counter, keys, values))
        if found.size:
            bits = redis.bitfield(layout.ever_at(counter))
            for place in found.ravel().tolist():
                bits.set("u1", place, 1)
            bits.execute()


def noted_bits(redis: Redis, layout: Layout, counter: str) -> Iterator[tuple[int, bytes]]:
    """The bits of all that was noted, in parts with the byte that each begins at."""
    with errors_as_unavailable(redis):
        for start in range(0, bloom.BLOOM_BYTES, AT_ONCE):
            part: Any = redis.getrange(layout.ever_at(counter), start, start + AT_ONCE - 1)
            if part:
                yield start, part


def pairs_done(layout: Layout, counter: str, keys: Sequence[Key], values: Float32s) -> tuple[Marks, Marks]:
    """Marks of the pairs of which a counter says that it was done; `values` are (keys, floats), NaN where missing."""
    pairs = [keys[i] for i in np.flatnonzero(values[:, layout.floats.index(counter)] > DONE).tolist()]
    return marks(str(one) for one, _ in pairs), marks(str(other) for _, other in pairs)
