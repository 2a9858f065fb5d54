"""When users come: a day's sessions, each a user, a moment, a device and a number of feed pages."""

from dataclasses import dataclass

import numpy as np

from infra.arrays import Float64s, Int64s
from orchestration.sources.kit import generator
from orchestration.sources.simulator.people import Users
from orchestration.sources.simulator.scale import DAY, Scale

MEAN_PAGES = 3.0
MOST_PAGES = 8
# Relative traffic by local hour: a low before dawn, humps at breakfast and lunch, the peak in the evening.
BY_HOUR = np.array(
    [
        2.2,
        1.3,
        0.8,
        0.5,
        0.5,
        0.9,
        2.0,
        3.6,
        4.3,
        3.7,
        3.5,
        3.8,
        5.0,
        4.8,
        4.0,
        4.0,
        4.4,
        5.2,
        6.2,
        7.4,
        8.6,
        8.8,
        7.0,
        4.2,
    ]
)
EVENING = 18.0


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions in order of time, one entry each; `at` is seconds since the epoch."""

    who: Int64s
    at: Float64s
    device: Int64s
    pages: Int64s

    def between(self, first: float, last: float) -> "Sessions":
        """The sessions that begin in [first, last)."""
        a, b = np.searchsorted(self.at, (first, last))
        return Sessions(self.who[a:b], self.at[a:b], self.device[a:b], self.pages[a:b])


def sessions_of(scale: Scale, users: Users, day: int) -> Sessions:
    """One day's sessions: as many pages as the scale asks for, by users who are there from its start to its end."""
    draw = generator(scale.seed, f"sessions of day {day}")
    begin = scale.begin + day * DAY
    there = (users.signup_at <= begin) & (begin + DAY <= users.left_at)
    weight = users.activity * there
    count = scale.pages_per_day
    who = draw.choice(scale.users, count, p=weight / weight.sum())
    hour = draw.choice(24, count, p=BY_HOUR / BY_HOUR.sum()) + draw.random(count)
    at = np.round(begin + 3600 * ((hour - users.region[who] % 3) % 24), 3)
    pages = np.minimum(draw.geometric(1 / MEAN_PAGES, count), MOST_PAGES)
    pages = np.diff(np.minimum(np.cumsum(pages), count), prepend=0)
    usual = users.usual_device(who, at)
    elsewhere = (hour >= EVENING) & (draw.random(count) < 0.5)
    device = np.where(elsewhere, users.evening[who], usual)
    order = np.flatnonzero(pages)
    order = order[np.argsort(at[order], kind="stable")]
    return Sessions(who[order], at[order], device[order], pages[order])
