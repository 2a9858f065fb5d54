"""Recorded trips as rows of the ETA's tables: one update a trip, as it sets off."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from infra.errors import DefinitionError
from orchestration.sources.kit import DeliveredRows, deliver, deliver_history
from validation.contract import Table
from validation.systems.eta import ARRIVALS, DRIVERS, TRIPS, UPDATES, WEATHER, ZONES

if TYPE_CHECKING:
    import pandas as pd

SAID_AFTER, ARRIVED_AFTER = timedelta(minutes=1), timedelta(minutes=5)  # of rows whose receipt nobody wrote down


@dataclass(frozen=True)
class Recorded:
    """Trips, a row each, and the weather.

    trips    trip_id, driver_id, fleet, from_zone, to_zone, area, departed (UTC), distance_km,
             route_minutes (the base), late_minutes, took_minutes (NaN: no arrival is known), perhaps since
    places   by zone: north_km, east_km; may be empty
    weather  area, event_time, received_at, rain_mm, wind_kmh, visibility_km; may be empty
    base     what the base is, in a sentence
    left_out reason → rows that were not taken
    longest  how long a trip may take: the outcome's window
    """

    trips: "pd.DataFrame"
    places: "pd.DataFrame"
    weather: "pd.DataFrame"
    base: str
    left_out: dict[str, int]
    longest: timedelta

    @property
    def first(self) -> date:
        """The first day with a trip, UTC."""
        return _day(self.trips["departed"].min())

    @property
    def last(self) -> date:
        """The last day with a trip, UTC."""
        return _day(self.trips["departed"].max())

    def between(self, first: date, last: date) -> "Recorded":
        """The trips that set off on those days, UTC, and the weather from the day before on."""
        begin, end = (datetime.combine(day, time.min, UTC) for day in (first, last + timedelta(days=1)))
        departed, measured = self.trips["departed"], self.weather["event_time"]
        trips = self.trips[(departed >= begin) & (departed < end)]
        if trips.empty:
            raise DefinitionError(
                f"from {first} to {last} no trip sets off; there are some from {self.first} to {self.last}"
            )
        return replace(self, trips=trips, weather=self.weather[(measured >= begin) & (measured < end)])

    def deliver_history(self, landing: Path, last: date) -> dict[str, DeliveredRows]:
        """Write all that is received until that day ends, in few files."""
        return deliver_history(self.tables(), landing, _midnight_after(last))

    def deliver(self, landing: Path, first: date, last: date) -> dict[str, DeliveredRows]:
        """Write what is received on those days, a file a day."""
        return deliver(self.tables(), landing, _midnight_after(first - timedelta(days=1)), _midnight_after(last))

    def tables(self) -> Iterator[tuple[Table, pa.Table]]:
        """The rows of each table; zones and drivers are described as the first trip of each sets off."""
        trips = self.trips.sort_values(["departed", "trip_id"], kind="stable")
        rows = _on_way(trips, trips["departed"], SAID_AFTER)
        yield ZONES, _table(ZONES, self._zones())
        first = rows.drop_duplicates("driver_id")
        yield DRIVERS, _table(DRIVERS, first)
        yield TRIPS, _table(TRIPS, rows)
        shown = rows.assign(update_id=rows["trip_id"], elapsed_minutes=0.0, minutes=rows["route_minutes"])
        yield UPDATES, _table(UPDATES, shown)
        arrived = trips["departed"] + _minutes(trips["took_minutes"])
        there = trips["took_minutes"].notna()
        yield ARRIVALS, _table(ARRIVALS, _on_way(trips[there], arrived[there], ARRIVED_AFTER))
        yield WEATHER, _table(WEATHER, self.weather)

    def _zones(self) -> "pd.DataFrame":
        """Each zone at the first trip to it, with its place where that is known."""
        trips = self.trips.sort_values("departed", kind="stable")
        zones = trips.drop_duplicates("to_zone").join(self.places, on="to_zone")
        return zones.assign(event_time=zones["departed"], received_at=zones["departed"])


def _on_way(trips: "pd.DataFrame", at: "pd.Series[Any]", travels: timedelta) -> "pd.DataFrame":
    """The trips as events of a moment, with the columns that their tables derive."""
    pair, hour = trips["from_zone"] + "→" + trips["to_zone"], at.dt.hour
    derived = {"zone_pair": pair, "hour_utc": hour, "pair_hour": pair + "@" + hour.astype(str)}
    return trips.assign(event_time=at, received_at=at + travels, **derived)


def _minutes(values: "pd.Series[Any]") -> "pd.Series[Any]":
    import pandas as pd

    return pd.to_timedelta(values, unit="min").dt.round("us")


def _table(table: Table, rows: "pd.DataFrame") -> pa.Table:
    columns = [_array(rows, field) for field in table.schema]
    return pa.table(columns, schema=table.schema)


def _array(rows: "pd.DataFrame", field: pa.Field) -> pa.Array:
    if field.name not in rows:
        return pa.nulls(len(rows), field.type)
    if pa.types.is_timestamp(field.type):
        moments = rows[field.name].to_numpy(dtype="datetime64[us]")
        return pa.array(moments.astype(np.int64), mask=np.isnat(moments)).cast(field.type)
    return pa.array(rows[field.name], field.type, from_pandas=True)


def _midnight_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time.min, UTC)


def _day(moment: "pd.Timestamp") -> date:
    return moment.to_pydatetime().astimezone(UTC).date()
