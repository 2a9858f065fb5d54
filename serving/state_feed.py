"""Keeps item states true: a snapshot of every view at start, the change stream from then on."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from redis import Redis

from feature_repo import packed_records
from feature_repo.record_layout import Layout, Packed
from serving import metrics
from serving.item_states import ItemStates
from validation.errors import Unavailable

POLL_S = 0.5
AT_ONCE = 2000  # rows taken over between two answers: about 5 ms
log = logging.getLogger(__name__)


class StateFeed:
    """Reads Redis in a thread and changes the arrays in the event loop, so that no request sees half a row."""

    def __init__(self, redis: Redis, layouts: Mapping[str, Layout], states: ItemStates) -> None:
        self._redis, self._states = redis, states
        self._layouts = {view: layouts[view] for view in states.views}
        self._positions: dict[str, str | None] = dict.fromkeys(self._layouts)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load what there is; without Redis the service starts all the same, and loads when it comes back."""
        await self._follow_all()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Follow no longer."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._redis.close()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            await self._follow_all()

    async def _follow_all(self) -> None:
        try:
            for view in self._layouts:
                await self._follow(view)
        except Unavailable as down:
            log.debug("item states: %s", down)
        except Exception:
            log.exception("item states: could not follow the change stream")

    async def _follow(self, view: str) -> None:
        layout, after = self._layouts[view], self._positions[view]
        if after is None:
            self._positions[view], records = await asyncio.to_thread(_snapshot, self._redis, layout)
            await self._take(view, records)
            return
        news = await asyncio.to_thread(packed_records.changes, self._redis, layout, after)
        self._positions[view] = news.position if news.complete else None  # None: read everything again
        metrics.CHANGES.labels(view).inc(len(news.records.keys))
        await self._take(view, news.records)

    async def _take(self, view: str, records: Packed) -> None:
        for start in range(0, len(records.keys), AT_ONCE):
            self._states.take(view, _part(records, start, start + AT_ONCE))
            await asyncio.sleep(0)
        metrics.ITEMS.set(len(self._states))


def _snapshot(redis: Redis, layout: Layout) -> tuple[str, Packed]:
    position = packed_records.position(redis, layout)
    return position, packed_records.read_all(redis, layout)


def _part(records: Packed, first: int, last: int) -> Packed:
    cut = slice(first, last)
    return Packed(
        records.layout,
        records.keys[cut],
        records.values[cut],
        records.at[cut],
        records.created[cut],
        records.tails[cut],
    )
