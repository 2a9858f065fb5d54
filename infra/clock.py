"""The clock: the time now, or the time of the events that are replayed."""

import mmap
import os
import struct
import time
from datetime import UTC, datetime
from pathlib import Path

from infra.errors import DefinitionError
from infra.settings import Settings, utc

AHEAD = struct.Struct("d")


class Clock:
    """Tells the time. With `replay_from` it starts at that moment, and goes on in real time.

    `hand` is moved by whoever replays days within minutes: it then says what time it is, and time goes on from there.
    """

    def __init__(self, replay_from: datetime | None = None, hand: "ClockHand | None" = None) -> None:
        self._ahead = utc(replay_from).timestamp() - time.time() if replay_from else 0.0
        self._hand = hand

    @classmethod
    def of(cls, settings: Settings) -> "Clock":
        """The clock of a process of these settings; raises DefinitionError for a hand without a replay."""
        if settings.replay_clock is None:
            return cls(settings.replay_from)
        if settings.replay_from is None:
            raise DefinitionError(
                f"FLYWHEEL_REPLAY_CLOCK={settings.replay_clock} without FLYWHEEL_REPLAY_FROM: only the clock of a "
                "replay can be moved. Set both, or neither."
            )
        return cls(settings.replay_from, ClockHand(settings.replay_clock, utc(settings.replay_from).timestamp()))

    def now(self) -> float:
        """Seconds since the epoch, in whole microseconds: files hold no more, so a moment reads back unchanged."""
        return round(time.time() + (self._hand.ahead if self._hand else self._ahead), 6)


class ClockHand:
    """A file of eight bytes in memory that says how far a replay is ahead of the machine, for all its processes."""

    def __init__(self, path: Path, starts_at: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            new = os.fstat(file).st_size < AHEAD.size
            if new:
                os.ftruncate(file, AHEAD.size)
            self._bytes = mmap.mmap(file, AHEAD.size)
        finally:
            os.close(file)
        if new:
            self.move(starts_at)

    @property
    def ahead(self) -> float:
        """Seconds by which the replay is ahead of the machine's time."""
        seconds: float = AHEAD.unpack_from(self._bytes)[0]
        return seconds

    def move(self, moment: float) -> None:
        """Make it this moment, in seconds since the epoch."""
        AHEAD.pack_into(self._bytes, 0, moment - time.time())


def written(seconds: float) -> str:
    """A moment as landing files write it: ISO 8601 in UTC with microseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
