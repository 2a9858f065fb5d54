"""A plain table of trips, such as taxis' without coordinates: when and where each began and ended.

It says no route, so that there is no base of its own. The base is made of what was known before: a trip gets the mean
minutes between its two zones over the trips that had ended before its day began, drawn to those of all trips to the
same zone, or, where the distance was planned, to what is usual for so many kilometres. The first day only gives the
next ones a base, and none of its trips is delivered.
"""

from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from infra.errors import DefinitionError
from orchestration.sources.recorded.rows import Recorded
from validation.contract import unknown

if TYPE_CHECKING:
    import pandas as pd

STRENGTH = 5.0
"""How many trips what is known of all zones counts for, against the trips between the two."""
LONGEST_MINUTES = 240.0
"""A taximeter that ran longer was not switched off; such a trip has no arrival."""
KM_A_MILE = 1.609344
KNOWN_NAMES = {
    "began": ("tpep_pickup_datetime", "lpep_pickup_datetime", "pickup_datetime", "Trip_Pickup_DateTime", "pickup"),
    "ended": ("tpep_dropoff_datetime", "lpep_dropoff_datetime", "dropoff_datetime", "Trip_Dropoff_DateTime", "dropoff"),
    "origin": ("PULocationID", "PUlocationID", "pickup_location_id", "pickup_zone"),
    "goal": ("DOLocationID", "DOlocationID", "dropoff_location_id", "dropoff_zone"),
    "distance": ("trip_distance", "distance"),
    "fleet": ("VendorID", "vendor_id", "hvfhs_license_num", "dispatching_base_num"),
    "driver": ("driver_id", "hack_license", "medallion"),
}
"""Names under which public tables hold a column; the first that is there is taken."""
NEEDED = ("began", "ended", "origin", "goal")


@dataclass(frozen=True, slots=True)
class PlainColumns:
    """Which column holds what; one left out is looked for under the names that public tables use.

    `zone` is the time zone of the clocks, `per_km` how many kilometres a unit of distance is. `planned` says that the
    distance was known as the trip began. A taximeter's was not: then the distance of a trip is what trips between its
    zones drove before.
    """

    began: str | None = None
    ended: str | None = None
    origin: str | None = None
    goal: str | None = None
    distance: str | None = None
    fleet: str | None = None
    driver: str | None = None
    zone: str = "America/New_York"
    per_km: float = KM_A_MILE
    planned: bool = False

    def found(self, names: list[str]) -> dict[str, str]:
        """Part → the column that holds it; raises DefinitionError for one that is needed and not there."""
        parts = [field.name for field in fields(self) if field.name in KNOWN_NAMES]
        by_part = {part: self._column(part, names) for part in parts}
        return {part: column for part, column in by_part.items() if column is not None}

    def _column(self, part: str, names: list[str]) -> str | None:
        given = getattr(self, part)
        if given is not None and given not in names:
            raise DefinitionError(f"source trips: column {unknown(given, names)}")
        column = given or next((name for name in KNOWN_NAMES[part] if name in names), None)
        if column is None and part in NEEDED:
            raise DefinitionError(
                f"source trips: which column says where or when a trip {part}? There are {', '.join(sorted(names))}. "
                f"Name it: --source trips:{part}=NAME."
            )
        return column


def plain_trips(path: Path, columns: PlainColumns | None = None) -> Recorded:
    """The trips of a CSV or Parquet file, or of all of a folder's, without those of the first day."""
    columns = columns or PlainColumns()
    rows = _read(path)
    trips, left_out = _timed(rows, columns.found([str(name) for name in rows]), columns)
    based = with_base(trips, columns.planned)
    left_out["first day, which only gives the base"] = len(trips) - len(based)
    drawn = "what is usual for the planned distance" if columns.planned else "that of all trips to the same zone"
    base = f"the mean minutes between the two zones on earlier days, drawn by {STRENGTH:g} trips' worth to {drawn}"
    return Recorded(based, _nowhere(), _no_weather(), base, left_out, timedelta(minutes=LONGEST_MINUTES))


def _read(path: Path) -> "pd.DataFrame":
    import pandas as pd

    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    wanted = [file for file in files if file.suffix == ".parquet" or ".csv" in file.suffixes]
    if not wanted or not all(file.is_file() for file in wanted):
        raise DefinitionError(f"source trips: {path} is no CSV or Parquet file, nor a folder with some. See --path.")
    read = [pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file) for file in wanted]
    return pd.concat(read, ignore_index=True)


def _timed(rows: "pd.DataFrame", of: dict[str, str], columns: PlainColumns) -> tuple["pd.DataFrame", dict[str, int]]:
    import pandas as pd

    began, ended = (_moment(rows[of[part]], columns.zone) for part in ("began", "ended"))
    took = (ended - began).dt.total_seconds() / 60
    lost = pd.Series(np.nan, rows.index)
    distance = pd.to_numeric(rows[of["distance"]], errors="coerce") * columns.per_km if "distance" in of else lost
    origin, goal = (rows[of[part]].astype("string") for part in ("origin", "goal"))
    local = began.dt.tz_convert(columns.zone)
    fleet = rows[of["fleet"]].astype("string").fillna("unknown") if "fleet" in of else "all"
    # Without a driver, trips of one zone and day count together: they met the same roads.
    alone = origin + "-" + local.dt.strftime("%Y%m%d")
    trips = pd.DataFrame(
        {
            "trip_id": "t" + pd.Series(np.arange(len(rows)), rows.index).astype(str).str.zfill(8),
            "driver_id": rows[of["driver"]].astype("string") if "driver" in of else alone,
            "fleet": fleet,
            "from_zone": origin,
            "to_zone": goal,
            "area": "all",
            "day": _midnight(began, columns.zone),
            "known_on": _midnight(ended, columns.zone) + np.timedelta64(1, "D"),
            "departed": began,
            "distance_km": distance.where(distance.between(0, 1_000)),
            "late_minutes": np.nan,
            "took_minutes": took.where((took > 0) & (took <= LONGEST_MINUTES)),
        }
    )
    complete = trips.dropna(subset=["departed", "from_zone", "to_zone", "driver_id"])
    left_out = {
        "no time or zone": len(trips) - len(complete),
        "no arrival: took no time, or too long": int(complete["took_minutes"].isna().sum()),
    }
    return complete.sort_values("departed", kind="stable"), left_out


def _moment(values: "pd.Series[Any]", zone: str) -> "pd.Series[Any]":
    import pandas as pd

    local = pd.to_datetime(values, errors="coerce")
    if local.dt.tz is None:
        local = local.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    return local.dt.tz_convert("UTC").astype("datetime64[us, UTC]")


def _midnight(moments: "pd.Series[Any]", zone: str) -> "pd.Series[Any]":
    """The local day of each moment."""
    days: pd.Series[Any] = moments.dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
    return days


def with_base(trips: "pd.DataFrame", planned: bool) -> "pd.DataFrame":
    """The trips of all days but the first, with `route_minutes` and a distance from what was known before their day."""
    days = trips[trips["day"] > trips["day"].min()]
    keys_of = {"pair": ["from_zone", "to_zone"], "goal": ["to_zone"], "all": []}
    took = {level: _before(trips, days, keys, "took_minutes") for level, keys in keys_of.items()}
    driven = {level: _before(trips, days, keys, "distance_km") for level, keys in keys_of.items()}
    coarse_to_fine = ("all", "goal", "pair")
    minutes, km = (_drawn([sums[level] for level in coarse_to_fine]) for sums in (took, driven))
    if not planned:
        return days.assign(route_minutes=minutes, distance_km=km)  # type: ignore[no-any-return]
    km = days["distance_km"].fillna(km)
    total, count = took["pair"]
    by_distance = (total + STRENGTH * _drawn([took["all"]]) / _drawn([driven["all"]]) * km) / (count + STRENGTH)
    return days.assign(route_minutes=by_distance.fillna(minutes), distance_km=km)  # type: ignore[no-any-return]


def _before(trips: "pd.DataFrame", days: "pd.DataFrame", keys: list[str], column: str) -> "tuple[Any, Any]":
    """(rows of `days`,) the sum of a column and the number of its values over what was known before each row's day."""
    import pandas as pd

    of = trips.dropna(subset=[column, "took_minutes"])
    sums = of.groupby([*keys, "known_on"], as_index=False)[column].agg(["sum", "count"]).sort_values("known_on")
    grouped = sums.groupby(keys) if keys else sums
    running = sums.assign(sum=grouped["sum"].cumsum(), count=grouped["count"].cumsum())
    asked = days[[*keys, "day"]].assign(row=np.arange(len(days))).sort_values("day", kind="stable")
    joined = pd.merge_asof(asked, running, left_on="day", right_on="known_on", by=keys or None)
    ordered = joined.sort_values("row")[["sum", "count"]].fillna(0.0).set_index(days.index)
    return ordered["sum"], ordered["count"]


def _drawn(levels: "list[tuple[Any, Any]]") -> Any:
    """The mean of the finest level, drawn to that of the coarser one before it, and so on."""
    (total, count), *finer = levels
    mean = total / count.where(count > 0)
    for finer_total, finer_count in finer:
        mean = (finer_total + STRENGTH * mean) / (finer_count + STRENGTH)
    return mean


def _nowhere() -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame({"north_km": pd.Series(dtype="float64"), "east_km": pd.Series(dtype="float64")})


def _no_weather() -> "pd.DataFrame":
    import pandas as pd

    moments = {name: pd.Series(dtype="datetime64[us, UTC]") for name in ("event_time", "received_at")}
    numbers = {name: pd.Series(dtype="float64") for name in ("rain_mm", "wind_kmh", "visibility_km")}
    return pd.DataFrame({"area": pd.Series(dtype="string"), **moments, **numbers})
