"""Trips through a city, the updates of each, and its arrival."""

from dataclasses import dataclass

import numpy as np

from infra.arrays import Float64s, Int64s
from orchestration.sources.eta.roads import HOUR, MINUTE, PARKING, City, Roads
from orchestration.sources.kit import DAY, generator

NOISE = 0.10  # of an edge's minutes, by chance alone


@dataclass(frozen=True, slots=True)
class Drivers:
    """Drivers, a row each: for which fleet, how fast (1 is usual, less is faster), and since when, in seconds."""

    fleet: Int64s
    pace: Float64s
    since: Float64s

    @classmethod
    def of(cls, city: City) -> "Drivers":
        """The drivers of a city."""
        rng = generator(city.seed, "drivers")
        fleet = rng.integers(0, city.fleets, city.drivers)
        pace = np.linspace(0.95, 1.12, city.fleets)[fleet] * np.exp(rng.normal(0, 0.07, city.drivers))
        days = rng.exponential(200, city.drivers)
        return cls(fleet, pace * (1 + 0.15 * np.exp(-days / 60)), -days * DAY)  # who is new searches longer


@dataclass(frozen=True, slots=True)
class Trips:
    """Trips, a row each, aligned: moments in seconds since the start."""

    driver: Int64s
    origin: Int64s
    goal: Int64s
    at: Float64s
    arrived: Float64s


@dataclass(frozen=True, slots=True)
class Updates:
    """Moments at which a time is shown: as a trip sets off, and at every zone that it enters but the last."""

    trip: Int64s
    here: Int64s
    at: Float64s


def drive(roads: Roads, drivers: Drivers) -> tuple[Trips, Updates]:
    """All trips of the city's days, in order of time, and their updates."""
    city = roads.city
    rng = generator(city.seed, "trips")
    at = np.sort(np.concatenate([_moments(rng, day, city) for day in range(city.days)]))
    driver = rng.integers(0, city.drivers, len(at))
    origin, goal = _places(rng, at, city), _places(rng, at, city)
    goal = np.where(goal == origin, (origin + 1) % (city.zones - city.new_zones), goal)
    here, now, shown = origin, at, []
    luck = np.exp(rng.normal(0, NOISE, (city.zones, len(at))))
    for step in range(city.zones):
        under_way = np.flatnonzero(here != goal)
        if not len(under_way):
            break
        shown.append(Updates(under_way, here[under_way], now[under_way]))
        here, now = roads.drive(here, goal, now, drivers.pace[driver], luck[step])
    parts = (np.concatenate([getattr(part, name) for part in shown]) for name in Updates.__slots__)
    return Trips(driver, origin, goal, at, now + PARKING * MINUTE), Updates(*parts)


def _moments(rng: np.random.Generator, day: int, city: City) -> Float64s:
    """When trips of a day set off: half of them around the rush hours."""
    rush = rng.normal(rng.choice([8.25, 17.5], city.trips_a_day), 1.2)
    hour = np.where(rng.random(city.trips_a_day) < 0.5, rush, rng.uniform(5, 23, city.trips_a_day))
    return day * DAY + np.clip(hour, 0, 23.5) * HOUR


def _places(rng: np.random.Generator, at: Float64s, city: City) -> Int64s:
    """Zones that are open by then, the middle ones more often."""
    middle = 1 - np.abs(np.arange(city.zones) - (city.zones - 1) / 2) / city.zones
    drawn = rng.choice(city.zones, len(at), p=middle / middle.sum())
    closed = (drawn >= city.zones - city.new_zones) & (at < city.opens * DAY)
    return np.where(closed, drawn - city.zones // 2, drawn)
