"""Events in: checked, stamped with the time we knew them, and on disk before they are acknowledged."""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from serving import metrics
from serving.definition import Names
from serving.landing_log import LandingLog, recover
from validation.clock import Clock, written

AHEAD_S = 60.0  # how far a caller's clock may be ahead of ours
BACK_S = 30 * 86_400.0  # events older than this are a broken clock, not a phone that was offline


class ImplausibleTimeError(ValueError):
    """An event says it happened at a time it cannot have."""


def stamped(events: Sequence[Any], names: Names, now: float) -> list[bytes]:
    """The events as landing lines. One a little ahead of our clock is known when it happens, not before."""
    lines = []
    for place, event in enumerate(events):
        row = msgspec.structs.asdict(event)
        happened = row[names.event_time].timestamp()
        if not now - BACK_S <= happened <= now + AHEAD_S:
            raise ImplausibleTimeError(
                f"`$.events[{place}].{names.event_time}` is {written(happened)}, our clock says {written(now)}: "
                f"send events at most {BACK_S / 86_400:.0f} days old and {AHEAD_S:.0f} s ahead"
            )
        row[names.event_time], row[names.received_time] = written(happened), written(max(now, happened))
        lines.append(msgspec.json.encode(row))
    return lines


class Feedback:
    """Lands events. Requests that come while the disk is busy share its next sync."""

    def __init__(self, folder: Path, clock: Clock, rows: int = 20_000, seconds: float = 60.0) -> None:
        self._log, self._clock = LandingLog(folder, rows, seconds), clock
        self._waiting: list[tuple[list[bytes], asyncio.Future[None]]] = []
        self._wake, self._writing = asyncio.Event(), asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Hand over what an earlier process left, and begin to write."""
        recover(self._log.folder)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write what is waiting, and hand the file over."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._flush()
        self._log.close()

    async def land(self, lines: list[bytes]) -> None:
        """Returns when the lines are on disk; raises OSError when they cannot be."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((lines, done))
        self._wake.set()
        await done

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), 1.0)
            self._wake.clear()
            await asyncio.shield(self._flush())

    async def _flush(self) -> None:
        async with self._writing:
            await self._flush_waiting()

    async def _flush_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        lines = [line for some, _ in waiting for line in some]
        try:
            await asyncio.to_thread(self._write, lines, self._clock.now())
        except OSError as failed:
            for _, done in waiting:
                if not done.done():
                    done.set_exception(OSError(failed.errno, failed.strerror))
            return
        for _, done in waiting:
            if not done.done():
                done.set_result(None)

    def _write(self, lines: list[bytes], now: float) -> None:
        if lines:
            self._log.append(lines, now)
            metrics.LOGGED.labels(self._log.folder.name).inc(len(lines))
        self._log.rotate(now)
