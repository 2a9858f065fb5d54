"""The process that started a worker and restarts it: without it a worker would keep the port unwatched."""

import logging
import os
import signal

from serving.running.background import Background

EVERY_S = 1.0  # as long may the port stay taken
STARTED_BY = os.getppid()  # read at import: that process may end while the rest is loaded
log = logging.getLogger(__name__)


class Parent:
    """Ends this process in good order once the one that started it is gone."""

    def __init__(self) -> None:
        self._watching = Background(self._look, EVERY_S)

    async def start(self) -> None:
        """Begin to watch."""
        self._watching.start()

    async def stop(self) -> None:
        """Stop watching."""
        await self._watching.stop()

    async def _look(self) -> None:
        if os.getppid() != STARTED_BY:
            log.error("the process that started this worker is gone: it ends, too")
            os.kill(os.getpid(), signal.SIGTERM)
