"""Work that goes on beside the requests while the service runs."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

PATIENCE_S = 5.0  # at the end, for the turn that runs: a part of the time the process has to stop
REST_S = 1.0  # after a turn that failed, at least
log = logging.getLogger(__name__)


class Background:
    """A turn, a pause of `pause_s`, the next turn. A turn that fails is logged, and the next one comes all the same."""

    def __init__(self, turn: Callable[[], Awaitable[None]], pause_s: float = 0.0) -> None:
        self._turn, self.pause_s = turn, pause_s
        self._ended: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, at_once: bool = True) -> None:
        """Begin with a turn, or with a pause."""
        self._ended = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(self._ended, 0.0 if at_once else self.pause_s))

    async def stop(self) -> None:
        """No turn begins any more; one that has begun ends, or is cancelled when that takes too long."""
        task, self._task = self._task, None
        if task is not None and self._ended is not None:
            self._ended.cancel()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(task, PATIENCE_S)

    async def _run(self, ended: asyncio.Future[None], first_s: float) -> None:
        await _pause(ended, first_s)
        while not ended.done():
            try:
                await self._turn()
                await _pause(ended, self.pause_s)
            except Exception:
                log.exception("a turn in the background failed; the next one comes")
                await _pause(ended, max(self.pause_s, REST_S))


async def _pause(ended: asyncio.Future[None], seconds: float) -> None:
    if seconds > 0:
        await asyncio.wait([ended], timeout=seconds)
