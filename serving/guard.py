"""The guard: the keyring as it is now, followed while the service runs."""

import logging
import time

from infra.errors import Unsafe
from infra.settings import Settings
from serving.access import Access, Keyring, keyring_path, open_keyring, read_keyring
from serving.running import Background
from serving.tokens import Keys

EVERY_S = 5.0  # far within the minute after which a new key signs
log = logging.getLogger(__name__)


class Guard:
    """`keys` sign and verify impressions, `access` knows the callers. A keyring that cannot be read changes neither.

    With a `system` the keys are that one's alone. Which key signs depends on the real time, also while events are
    replayed: people change keys in real time.
    """

    keys: Keys
    access: Access

    def __init__(self, settings: Settings, system: str | None = None) -> None:
        self._settings, self._system = settings, system
        self._follow(open_keyring(settings))
        self._reading = Background(self._read, EVERY_S)

    async def start(self) -> None:
        """Begin to follow the keyring."""
        self._reading.start(at_once=False)

    async def stop(self) -> None:
        """Stop following it."""
        await self._reading.stop()

    async def _read(self) -> None:
        try:
            self._follow(read_keyring(keyring_path(self._settings)))
        except Unsafe as wrong:
            log.error("%s The previous keyring stays in use.", wrong)

    def _follow(self, keyring: Keyring) -> None:
        keys = keyring.signing(time.time())
        self.keys = keys.only_for(self._system) if self._system else keys
        self.access = Access(keyring.tokens, self._settings.open_on_loopback)
