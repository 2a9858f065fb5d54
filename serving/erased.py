"""Who was erased, followed while the service runs: an erased person is answered as an unknown one, and not stored."""

import logging
from pathlib import Path

from infra.errors import Unavailable
from infra.tombstones import FILE, Tombstones, erasures_beside, read_tombstones
from serving.running import Background

EVERY_S = 1.0  # an erasure waits for the files that the service wrote before it knew
log = logging.getLogger(__name__)


class Erased:
    """The newest tombstones; a file that cannot be read changes nothing."""

    def __init__(self, lake: Path) -> None:
        self._folder = erasures_beside(lake)
        self._seen: tuple[int, int] | None = None
        self.people = Tombstones()
        self._read()
        self._following = Background(self._follow, EVERY_S)

    async def start(self) -> None:
        """Begin to follow."""
        self._following.start(at_once=False)

    async def stop(self) -> None:
        """Follow no longer."""
        await self._following.stop()

    async def _follow(self) -> None:
        self._read()

    def _read(self) -> None:
        try:
            facts = (self._folder / FILE).stat()
        except OSError:
            return
        seen = facts.st_mtime_ns, facts.st_ino
        if seen == self._seen:
            return
        try:
            self.people, self._seen = read_tombstones(self._folder), seen
        except Unavailable as wrong:
            log.error("%s Those who were known before stay erased.", wrong)
