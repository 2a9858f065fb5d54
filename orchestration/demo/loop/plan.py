"""What happens on which of the days, and how large the platform is."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from orchestration.sources.simulator import DAY, Scale, World

HISTORY = 6  # days before the loop, ranked by what there was before any model
TURNED = 0.6  # share of users whose interests turn into others


@dataclass(frozen=True)
class Plan:
    """The days of the loop, counted from 1, and what is done to them.

    drift_on  the day at whose beginning tastes turn
    bad_on    the day at whose beginning somebody enters a release whose policy has a slip of a digit
    null_on   the day from which one feature arrives null in `null_region`
    look_h    how many hours pass between two looks of the machinery at the release on trial
    """

    pages: int = 2_000
    seed: int = 7
    days: int = 7
    drift_on: int = 3
    bad_on: int = 5
    null_on: int = 7
    null_region: int = 1
    look_h: int = 3
    history: int = HISTORY

    @cached_property
    def scale(self) -> Scale:
        """The platform: as many users and videos as that many pages a day keep busy."""
        return Scale(
            users=max(100, self.pages * 3 // 5), videos=max(400, self.pages * 3), days=self.history,
            impressions=self.pages * 10 * self.history, creators=max(40, self.pages // 8), categories=14, regions=4,
            seed=self.seed, ahead=self.days + 1,
        )  # fmt: skip

    @cached_property
    def world(self) -> World:
        """The platform, whose tastes turn at the beginning of `drift_on`."""
        return World.make(self.scale).drifted(self.begin(self.drift_on), tastes=TURNED)

    def begin(self, number: int) -> float:
        """When a day of the loop begins, in seconds since the epoch; day 1 follows the history."""
        return self.scale.finish + (number - 1) * DAY

    def date(self, number: int) -> date:
        """The date of a day of the loop."""
        return self.scale.end.date() + timedelta(days=number - 1)

    def number(self, at: float) -> float:
        """A moment as days of the loop: 1.0 is the beginning of day 1."""
        return 1 + (at - self.scale.finish) / DAY
