"""How large a simulated platform is, and what may suddenly change in it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of a world.

    `videos` is the number that exist by the end of `days`; the world can be continued for `ahead` days more.

    `steep` is how many times as fast as usual the chance that a place is looked at falls down a page.

    `late` is the share of feed answers whose engagements come minutes to days late, `duplicate` the share of rows
    delivered twice, `broken` the share of rows that arrive unreadable or untrue.
    """

    users: int = 5_000
    videos: int = 20_000
    days: int = 14
    impressions: int = 240_000
    creators: int = 800
    categories: int = 20
    regions: int = 5
    feed: int = 10
    seed: int = 7
    start: datetime = datetime(2026, 3, 2, tzinfo=UTC)
    ahead: int = 3
    steep: float = 1.0
    late: float = 0.03
    duplicate: float = 0.01
    broken: float = 0.003

    @property
    def begin(self) -> float:
        """Seconds since the epoch at `start`."""
        return self.start.timestamp()

    @property
    def finish(self) -> float:
        """Seconds since the epoch at the end of `days`."""
        return self.begin + self.days * DAY

    @property
    def end(self) -> datetime:
        """The moment after the last of `days`."""
        return self.start + timedelta(days=self.days)

    @property
    def pages_per_day(self) -> int:
        """Feed answers a day."""
        return max(1, round(self.impressions / self.feed / self.days))


TINY = Scale(users=200, videos=600, days=3, impressions=6_000, creators=40, categories=8, regions=3)
"""A world for tests: it runs in well under a second."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A sudden change `at` a moment (seconds since the epoch).

    tastes          share of users whose interests turn into others
    lengths         factor on the length of videos born from then on
    unknown_lengths share of videos born from then on whose length the catalogue no longer sends
    unplaced        share of feed answers from then on whose client does not log positions
    """

    at: float
    tastes: float = 0.0
    lengths: float = 1.0
    unknown_lengths: float = 0.0
    unplaced: float = 0.0
