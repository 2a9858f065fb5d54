"""Keeps a machine's Bloom filters of all that was ever done up to date: Redis' bits at first, then each change."""

from collections.abc import Mapping

import numpy as np
from redis import Redis

from feature_repo.records import (
    BLOOM_BYTES,
    Layout,
    bloom_add,
    change_positions,
    noted_bits,
    pairs_done,
    record_changes,
)
from serving import metrics
from serving.items.item_states import ItemStates

BATCHES = 20  # of the change stream at once: some 10,000 records


class EverWriter:
    """For the one process of a machine that writes; `follow` reads Redis and raises Unavailable when it is down.

    Bits are only added: a Redis that lost its data takes nothing away.
    """

    def __init__(self, redis: Redis, layouts: Mapping[str, Layout], states: ItemStates) -> None:
        self._redis, self._ever = redis, states.ever
        self._layouts = [layout for layout in layouts.values() if layout.ever_done]
        self._positions: dict[str, str] = {}

    def follow(self) -> None:
        """Catch up with every view: with all of it at first, then with what changed."""
        ends = change_positions(self._redis, self._layouts)
        for layout, end in zip(self._layouts, ends, strict=True):
            if end != self._positions.get(layout.view):
                self._catch_up(layout, end)

    def _catch_up(self, layout: Layout, end: str) -> None:
        arrays = {counter: self._ever[f"{layout.view}.{counter}"] for counter in layout.ever_done}
        if any(array.reserve(BLOOM_BYTES) < BLOOM_BYTES for array in arrays.values()):
            metrics.NO_ROOM.labels(layout.view).inc()
            return
        after = self._positions.get(layout.view)
        news = record_changes(self._redis, layout, after, BATCHES) if after else None
        for counter, array in arrays.items():
            if news and news.complete:
                bloom_add(array.values, *pairs_done(layout, counter, news.records.keys, news.records.values))
            else:
                for start, part in noted_bits(self._redis, layout, counter):
                    array.values[start : start + len(part)] |= np.frombuffer(part, dtype=np.uint8)
        self._positions[layout.view] = news.position if news and news.complete else end
