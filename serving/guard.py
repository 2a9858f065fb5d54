"""The guard: the keyring as it stands now, followed while the service runs."""

import asyncio
import contextlib
import logging
import time

from serving import keyring
from serving.access import Access
from serving.keyring import Keyring
from serving.tokens import Keys
from validation.errors import Unsafe
from validation.settings import Settings

EVERY_S = 5.0
log = logging.getLogger(__name__)


class Guard:
    """`keys` sign and verify impressions, `access` knows the callers. A keyring that cannot be read changes neither.

    Which key signs goes by the world's own time, also while events are replayed: keys are changed by people.
    """

    keys: Keys
    access: Access
    _task: "asyncio.Task[None] | None" = None

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._follow(keyring.opened(settings))

    async def start(self) -> None:
        """Begin to follow the keyring."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Follow it no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                self._follow(keyring.read(keyring.where(self._settings)))
            except Unsafe as wrong:
                log.error("%s The one before it stays.", wrong)

    def _follow(self, found: Keyring) -> None:
        self.keys = found.signing(time.time())
        self.access = Access(found.tokens, self._settings.open_on_loopback)
