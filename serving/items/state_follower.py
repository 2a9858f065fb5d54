"""Keeps item states up to date: one process of a machine writes what Redis holds, the others stand by to take over."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping

from redis import Redis

from feature_repo.records import Layout
from infra.errors import Unavailable
from serving import metrics
from serving.definition import StateValues
from serving.items.ever_done_writer import EverWriter
from serving.items.item_states import ItemStates
from serving.items.state_writer import StateWriter
from serving.items.writer_election import WriterLock, discard_others
from serving.running import Background

USUAL = StateValues()
PATIENCE_S = 1.5  # for the first look at Redis when the service starts: it answers without states, too
log = logging.getLogger(__name__)


class StateFeed:
    """Follows Redis in a thread while this process is the writer; readers of the arrays never wait for it."""

    def __init__(
        self, redis: Redis, layouts: Mapping[str, Layout], states: ItemStates, values: StateValues = USUAL
    ) -> None:  # fmt: skip
        self._redis, self._states = redis, states
        self._ever, self._writer = EverWriter(redis, layouts, states), StateWriter(redis, layouts, states, values)
        self._lock = WriterLock(states.arrays.folder)
        self._writes, self._saw_another = False, False
        self._following = Background(self._follow, values.poll_s)

    async def start(self) -> None:
        """Begin, and wait a little for the first look at Redis; the service starts without Redis all the same."""
        self._following.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while not (self._states.looked and (self._writes or self._saw_another)):
                    await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Follow no longer; another process may."""
        self._writer.stopping = True
        await self._following.stop()
        self._lock.resign()
        self._redis.close()

    async def _follow(self) -> None:
        await asyncio.to_thread(self._turn)
        metrics.ITEMS.set(len(self._states))
        metrics.STATES_AGE.set(self._states.age(time.time()))

    def _turn(self) -> None:
        try:
            if self._elected():
                try:
                    self._ever.follow()  # first: a few MiB, while all states of a large catalogue take minutes
                finally:
                    self._writer.follow()
        except Unavailable as down:
            log.debug("item states: %s", down)
        except Exception:
            log.exception("item states: could not follow the change stream")
        finally:
            if self._writes:
                self._states.looked = True

    def _elected(self) -> bool:
        if not self._lock.elected():
            self._saw_another = True
            return False
        if not self._writes:
            self._states.looked = False
            self._writes = True
            self._writer.begin(resume=self._saw_another)
            discard_others(self._states.arrays.folder)
        return True
