"""The clock: the time now, or the time of the events that are replayed."""

import time
from datetime import UTC, datetime

from infra.settings import utc


class Clock:
    """Tells the time. With `replay_from` it starts at that moment, and goes on in real time."""

    def __init__(self, replay_from: datetime | None = None) -> None:
        self._ahead = utc(replay_from).timestamp() - time.time() if replay_from else 0.0

    def now(self) -> float:
        """Seconds since the epoch, in whole microseconds: files hold no more, so a moment reads back unchanged."""
        return round(time.time() + self._ahead, 6)


def written(seconds: float) -> str:
    """A moment as landing files write it: ISO 8601 in UTC with microseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
