"""The process that started a worker and restarts it: a worker without it would hold the port, watched by nobody."""

import asyncio
import contextlib
import logging
import os
import signal

EVERY_S = 1.0
STARTED_BY = os.getppid()  # noted as early as this module is imported: while the rest loads it may already be gone
log = logging.getLogger(__name__)


class Parent:
    """Ends this process in good order once the one that started it is gone."""

    _task: "asyncio.Task[None] | None" = None

    async def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while os.getppid() == STARTED_BY:
            await asyncio.sleep(EVERY_S)
        log.error("the process that started this worker is gone: it ends, too")
        os.kill(os.getpid(), signal.SIGTERM)
