"""The six tables of a simulated city, as landing files by day of receipt."""

from datetime import timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from infra.arrays import Float64s, Int64s
from orchestration.sources.eta.roads import HOUR, MINUTE, City, Roads
from orchestration.sources.eta.trips import Drivers, drive
from orchestration.sources.kit import (
    DAY,
    DeliveredRows,
    deliver,
    deliver_history,
    generator,
    moments,
    numbered,
    rows_of,
)
from validation.contract import Table
from validation.systems.eta import ARRIVALS, DRIVERS, TRIPS, UPDATES, WEATHER, ZONES

KMH_FREE = 30.0  # what a router takes the speed of an empty road to be
OFFLINE = 0.02  # share of arrivals whose phone is offline, for up to six hours


class World:
    """Everything that happens in a city; the same city gives the same world."""

    def __init__(self, city: City) -> None:
        self.city, self.roads, self.drivers = city, Roads(city), Drivers.of(city)
        self.trips, self.updates = drive(self.roads, self.drivers)

    @cached_property
    def tables(self) -> tuple[tuple[Table, pa.Table], ...]:
        """All rows of all tables, by the moment at which they are received."""
        return (
            (ZONES, self._zones()),
            (DRIVERS, self._drivers()),
            (TRIPS, self._trips()),
            (UPDATES, self._updates()),
            (ARRIVALS, self._arrivals()),
            (WEATHER, self._weather()),
        )

    def deliver_history(self, landing: Path, days: int) -> dict[str, DeliveredRows]:
        """Write what is received on the first days, in few files."""
        return deliver_history(self.tables, landing, self.city.start + timedelta(days=days))

    def deliver(self, landing: Path, first: int = 0, days: int | None = None) -> dict[str, DeliveredRows]:
        """Write what is received on some days, counted from 0; left out, on all of them."""
        begin = self.city.start + timedelta(days=first)
        until = begin + timedelta(days=self.city.days if days is None else days)
        return deliver(self.tables, landing, begin, until)

    def expected(self) -> Float64s:
        """(updates,) the minutes that the law expects: what a model that knew it would show."""
        of = self.updates.trip
        pace = self.drivers.pace[self.trips.driver[of]]
        return self.roads.expected(self.updates.here, self.trips.goal[of], self.updates.at, pace)

    @cached_property
    def update_ids(self) -> pa.Array:
        """(updates,) the id of each update."""
        return numbered("u", np.arange(len(self.updates.at)), 7)

    @cached_property
    def trip_ids(self) -> pa.Array:
        """(trips,) the id of each trip."""
        return numbered("t", np.arange(len(self.trips.at)), 6)

    @property
    def driver_ids(self) -> pa.Array:
        """(trips,) the id of who drives each trip."""
        return numbered("d", self.trips.driver, 4)

    def _rows(self, table: Table, at: Float64s, **columns: object) -> pa.Table:
        return rows_of(table, self.city.start, at, self.city.seed, 20.0, **columns)

    def _way(self, origin: Int64s, goal: Int64s, at: Float64s) -> dict[str, object]:
        names, hour = zone_names(self.city), (at % DAY // HOUR).astype(int)
        pairs = [f"{names[a]}→{names[b]}" for a, b in zip(origin, goal, strict=True)]
        return {
            "from_zone": names[origin],
            "to_zone": names[goal],
            "zone_pair": pairs,
            "hour_utc": hour,
            "pair_hour": [f"{pair}@{h}" for pair, h in zip(pairs, hour, strict=True)],
        }

    def _vehicle(self, driver: Int64s) -> dict[str, object]:
        fleets = np.array([f"fleet{n}" for n in range(self.city.fleets)])
        return {"driver_id": numbered("d", driver, 4), "fleet": fleets[self.drivers.fleet[driver]]}

    def _route(self, origin: Int64s, goal: Int64s) -> dict[str, object]:
        minutes = self.roads.ways[0][origin, goal]
        return {"route_minutes": minutes, "distance_km": minutes / 60 * KMH_FREE}

    def _zones(self) -> pa.Table:
        zone = np.arange(self.city.zones)
        opened = np.where(zone < self.city.zones - self.city.new_zones, 0.0, float(self.city.opens)) * DAY
        area, (north, east) = ["city"] * len(zone), self.roads.places
        return self._rows(ZONES, opened, to_zone=zone_names(self.city), area=area, north_km=north, east_km=east)

    def _drivers(self) -> pa.Table:
        every = np.arange(self.city.drivers)
        since = moments(self.city.start, self.drivers.since)
        return self._rows(DRIVERS, np.zeros(len(every)), **self._vehicle(every), since=since)

    def _trips(self) -> pa.Table:
        trips = self.trips
        way = self._way(trips.origin, trips.goal, trips.at) | self._route(trips.origin, trips.goal)
        return self._rows(TRIPS, trips.at, trip_id=self.trip_ids, **self._vehicle(trips.driver), **way)

    def _updates(self) -> pa.Table:
        of, here, at = self.updates.trip, self.updates.here, self.updates.at
        goal, unknown = self.trips.goal[of], pa.nulls(len(at))
        return self._rows(
            UPDATES,
            at,
            update_id=self.update_ids,
            trip_id=self.trip_ids.take(pa.array(of)),
            **self._vehicle(self.trips.driver[of]),
            **self._way(here, goal, at),
            **self._route(here, goal),
            area=["city"] * len(at),
            elapsed_minutes=(at - self.trips.at[of]) / MINUTE,
            minutes=self.roads.ways[0][here, goal],  # until there is a model the base is what is shown
            **dict.fromkeys(("late_minutes", "promise", "release", "served_by", "variant", "score"), unknown),
            served_features=unknown,
        )

    def _arrivals(self) -> pa.Table:
        """Each arrival; some are received hours later, when the phone is online again."""
        trips, rng = self.trips, generator(self.city.seed, "offline")
        took = (trips.arrived - trips.at) / MINUTE
        columns = {
            "trip_id": self.trip_ids,
            **self._vehicle(trips.driver),
            **self._way(trips.origin, trips.goal, trips.arrived),
            "route_minutes": self.roads.ways[0][trips.origin, trips.goal],
            "took_minutes": took,
        }
        rows = self._rows(ARRIVALS, trips.arrived, **columns)
        late = np.where(rng.random(len(took)) < OFFLINE, rng.uniform(0.5, 6, len(took)) * HOUR * 1e6, 0.0)
        place = rows.schema.get_field_index("received_at")
        received = pa.array(rows["received_at"].cast(pa.int64()).to_numpy() + late.astype(np.int64))
        return rows.set_column(place, rows.schema.field(place), received.cast(rows.schema.field(place).type))

    def _weather(self) -> pa.Table:
        hours = np.arange(self.city.days * 24)
        at, rng = hours.astype(np.float64) * HOUR, generator(self.city.seed, "sky")
        rain, windy = self.roads.rain[np.maximum(hours - 1, 0)], rng.gamma(3.0, 5.0, len(hours))
        sight = np.maximum(0.5, 12 - rain)
        area = ["city"] * len(hours)
        return self._rows(WEATHER, at, area=area, rain_mm=rain, wind_kmh=windy, visibility_km=sight)


def zone_names(city: City) -> "np.ndarray[tuple[int], np.dtype[np.str_]]":
    """The zones' ids, such as z07."""
    return np.array([f"z{n:02}" for n in range(city.zones)])
