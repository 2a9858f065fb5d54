"""A seeded road graph, and the law of how long its edges take: waves of congestion, incidents, rain.

The law is known, so that what a model learns can be held against what could be known:

    minutes of an edge = free minutes · (1 + sensitivity · wave(time) · level(day) + incidents + 0.1 · √rain) · pace

`free minutes` is all that a router without traffic knows: their sum along the shortest way is the base.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import numpy as np

from infra.arrays import Bools, Float64s, Int64s
from orchestration.sources.kit import DAY, generator

HOUR, MINUTE = 3_600.0, 60.0
PARKING = 1.5  # minutes at the end of each trip, of which no router knows


@dataclass(frozen=True, slots=True)
class City:
    """The size of a world. The last `new_zones` open on day `opens`.

    From day `turns` on the roads around the centre are dug up: they take `dug_up` times their free minutes longer.
    """

    wide: int = 5
    high: int = 4
    new_zones: int = 2
    drivers: int = 90
    fleets: int = 3
    days: int = 21
    trips_a_day: int = 300
    incidents_a_day: float = 5.0
    opens: int = 14
    turns: int | None = None
    dug_up: float = 1.0
    seed: int = 5
    start: datetime = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday

    @property
    def zones(self) -> int:
        """How many zones there are."""
        return self.wide * self.high


@dataclass(frozen=True)
class Roads:
    """The roads of a city; `at` is in seconds since its start everywhere, zones are counted row by row."""

    city: City

    @cached_property
    def free(self) -> Float64s:
        """(zones, zones) free minutes between neighbours, infinite between others; slower near the centre."""
        city, rng = self.city, generator(self.city.seed, "roads")
        x, y = np.arange(city.zones) % city.wide, np.arange(city.zones) // city.wide
        neighbours = np.abs(x[:, None] - x) + np.abs(y[:, None] - y) == 1
        drawn = np.triu(rng.uniform(3, 6, neighbours.shape))
        return np.where(neighbours, (drawn + drawn.T) * (1 + 0.4 * self._central), np.inf)

    @cached_property
    def places(self) -> tuple[Float64s, Float64s]:
        """(zones,) how many kilometres north and east of the middle each zone lies."""
        city, zone = self.city, np.arange(self.city.zones, dtype=np.int64)
        north, east = zone // city.wide - (city.high - 1) / 2, zone % city.wide - (city.wide - 1) / 2
        return np.asarray(north * 2.5, dtype=np.float64), np.asarray(east * 2.5, dtype=np.float64)

    @cached_property
    def _central(self) -> Float64s:
        """(zones, zones) how central a road is, from 0 to 1."""
        north, east = self.places
        near = 1 - np.abs(east) / 2.5 / self.city.wide - np.abs(north) / 2.5 / self.city.high
        return np.asarray((near[:, None] + near) / 2)

    @cached_property
    def ways(self) -> tuple[Float64s, Int64s]:
        """(zones, zones) minutes of the shortest way (the base), and the zone to enter next on it (Floyd 1962)."""
        minutes = np.where(np.eye(self.city.zones, dtype=bool), 0.0, self.free)
        first = np.where(np.isfinite(self.free), np.arange(self.city.zones), -1)
        for via in range(self.city.zones):
            through = minutes[:, [via]] + minutes[[via]]
            shorter = through < minutes
            minutes, first = np.where(shorter, through, minutes), np.where(shorter, first[:, [via]], first)
        return minutes, first

    @cached_property
    def level(self) -> Float64s:
        """(days,) how strong each day's congestion is; nobody is told."""
        return np.exp(generator(self.city.seed, "level").normal(0, 0.3, self.city.days + 2))

    @cached_property
    def rain(self) -> Float64s:
        """(hours,) millimetres of rain in each hour: showers of some hours."""
        rng, hours = generator(self.city.seed, "rain"), (self.city.days + 2) * 24
        begins, heavy = rng.random(hours) < 0.06, rng.exponential(3.0, hours)
        spread = np.convolve(np.where(begins, heavy, 0.0), [0.6, 1.0, 1.0, 0.8, 0.5, 0.3])[:hours]
        return np.round(spread, 1)

    @cached_property
    def _incidents(self) -> tuple[Int64s, Float64s, Float64s, Float64s]:
        """Of each incident: the zone that it makes slow to leave, begin, end, and how many times longer."""
        rng, city = generator(self.city.seed, "incidents"), self.city
        count = int(city.incidents_a_day * (city.days + 1))
        begin = rng.uniform(0, (city.days + 1) * DAY, count)
        ends = begin + rng.uniform(0.5, 2.5, count) * HOUR
        return rng.integers(0, city.zones, count), begin, ends, rng.uniform(0.5, 2.0, count)

    def factor(self, here: Int64s, there: Int64s, at: Float64s) -> Float64s:
        """How many times its free minutes an edge takes whose driver enters it at that moment, by the law."""
        central, day = self._central[here, there], (at // DAY).astype(np.int64)
        factor = 1 + (0.2 + 1.3 * central**2) * wave(at) * self.level[np.minimum(day, len(self.level) - 1)]
        hour = np.minimum((at // HOUR).astype(np.int64), len(self.rain) - 1)
        factor += 0.1 * np.sqrt(self.rain[hour])
        for zone, begin, end, longer in zip(*self._incidents, strict=True):
            factor += np.where((here == zone) & (at >= begin) & (at < end), longer, 0.0)
        if self.city.turns is not None:
            factor += np.where((day >= self.city.turns) & (central > 0.7), self.city.dug_up, 0.0)
        return factor

    def drive(
        self, here: Int64s, goal: Int64s, at: Float64s, pace: Float64s, luck: Float64s
    ) -> tuple[Int64s, Float64s]:
        """The next zone on the way, and the moment it is entered; who has arrived stays.

        luck  what chance multiplies the minutes by: 1 for what the law expects
        """
        under_way: Bools = here != goal
        there = np.where(under_way, self.ways[1][here, goal], goal)
        free = np.where(under_way, self.free[here, there], 0.0)
        return there, at + free * self.factor(here, there, at) * pace * luck * MINUTE

    def expected(self, here: Int64s, goal: Int64s, at: Float64s, pace: Float64s) -> Float64s:
        """Minutes from that moment until arrival, as the law expects them: no model can do better by much."""
        now = at
        for _ in range(self.city.zones):
            here, now = self.drive(here, goal, now, pace, np.ones(len(at)))
        return (now - at) / MINUTE + PARKING


def wave(at: Float64s) -> Float64s:
    """How congested the hour is, from 0 to about 1.3: two rush hours on weekdays, one bump else.

    at  seconds since a Monday's midnight
    """
    hour, weekend = at % DAY / HOUR, (at // DAY) % 7 >= 5
    rush = 0.9 * np.exp(-(((hour - 8.25) / 1.0) ** 2)) + np.exp(-(((hour - 17.5) / 1.3) ** 2))
    busy = 0.25 * np.exp(-(((hour - 13) / 5.0) ** 2))
    return np.where(weekend, 0.4 * np.exp(-(((hour - 14) / 3.0) ** 2)), rush + busy)
