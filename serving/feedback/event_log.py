"""Events taken in: on disk before they are acknowledged, without repeats."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from infra.clock import Clock
from serving import metrics
from serving.definition import LandingValues
from serving.feedback.landing_log import LandingLog
from serving.running import Background

USUAL = LandingValues()
ROTATE_S = 1.0  # how often the log looks whether the file is due to be handed over: finer than any age that is set
REMEMBERED = 20_000  # ids of landed events, about 4 MiB: ingestion finds repeats of older ones
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """An event to be landed: its id, by which a repeated one is known, and its line."""

    id: str
    line: bytes


class EventLog:
    """Lands events. Requests that come while the disk is busy share its next sync.

    An event that was landed here lately is not written again: ingestion would count it as repeated, and refuse a
    delivery with many of them. Repeats of older ones, or of another worker's, are found by ingestion.
    """

    def __init__(
        self, folder: Path, clock: Clock, values: LandingValues = USUAL, seconds: float = 60.0
    ) -> None:  # fmt: skip
        self._log, self._clock, self._event_s = LandingLog(folder, values.rows, seconds), clock, values.event_s
        self._landed: dict[str, None] = {}  # ids, the oldest first
        self._waiting: list[tuple[Sequence[Event], asyncio.Future[None]]] = []
        self._wake, self._writing = asyncio.Event(), asyncio.Lock()
        self._flushing = Background(self._turn)

    async def start(self) -> None:
        """Begin to write; what an earlier process left is handed over first."""
        self._flushing.start()

    async def stop(self) -> None:
        """Write what is waiting, and hand the file over."""
        self._wake.set()
        await self._flushing.stop()
        await self._flush()
        self._log.close()

    async def land(self, events: Sequence[Event]) -> None:
        """Returns when the events are on disk; raises OSError when they cannot be, or not in time."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((events, done))
        self._wake.set()
        await asyncio.wait_for(done, self._event_s)

    async def _turn(self) -> None:
        await asyncio.shield(self._flush())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), ROTATE_S)

    async def _flush(self) -> None:
        async with self._writing:
            self._wake.clear()
            waiting, self._waiting = self._waiting, []
            failed = await asyncio.to_thread(self._write, [event for events, _ in waiting for event in events])
            for _, done in waiting:
                if not done.done():
                    done.set_result(None) if failed is None else done.set_exception(failed)

    def _write(self, events: list[Event]) -> OSError | None:
        """Write the new events; an error of handing the file over is logged and not the callers'."""
        now, failed = self._clock.now(), None
        try:
            self._append(events, now)
        except OSError as full:
            failed = OSError(full.errno, full.strerror)
        try:
            self._log.rotate(now)
        except OSError as wrong:
            log.error("%s: not handed over: %s", self._log.folder.name, wrong)
        return failed

    def _append(self, events: list[Event], now: float) -> None:
        new = {event.id: event.line for event in reversed(events) if event.id not in self._landed}
        if not new:
            return
        self._log.append(list(reversed(new.values())), now)
        self._landed |= dict.fromkeys(new)
        for old in list(islice(self._landed, max(0, len(self._landed) - REMEMBERED))):
            del self._landed[old]
        metrics.LOGGED.labels(self._log.folder.name).inc(len(new))
        metrics.EVENTS.labels("repeated").inc(len(events) - len(new))
