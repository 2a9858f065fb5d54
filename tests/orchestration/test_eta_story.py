"""What the ETA's story says of a source, without telling it."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from infra.errors import DefinitionError
from orchestration.demo.eta import CityOfTrips, as_shown, errors, trips_of
from orchestration.demo.judged import JudgedCases
from serving.case_policy import Hold


def judged(minutes: list[float], said: list[float], trips: list[str]) -> JudgedCases:
    """Updates of trips, a minute apart."""
    at = pd.date_range("2026-03-02", periods=len(minutes), freq="min", tz="UTC")
    frame = pd.DataFrame(
        {"event_timestamp": at, "trip_id": trips, "minutes_left": minutes, "route_minutes": [5.0] * len(minutes)}
    )
    return JudgedCases(frame, np.array(said), None)


def test_what_is_shown_of_a_trip_moves_only_for_news() -> None:
    cases = judged([10, 9, 8, 7], [10.0, 9.4, 20.0, 5.0], ["a", "a", "a", "b"])
    assert as_shown(cases, Hold(by="trip_id", within=1.0, each_s=60.0)).tolist() == [10.0, 9.0, 20.0, 5.0]


def test_the_errors_of_base_and_release_stand_beside_each_other() -> None:
    base, release, held = errors(judged([10, 9, 8], [10.0, 9.0, 8.0], ["a", "a", "a"]))
    assert base[1] == "4.00 min"
    assert release[1:] == ("0.00 min", "0.00 min", "0%", "0%")
    assert held[0] == "the release, held within 1 min"


def test_trips_that_nobody_updates_twice_move_nothing() -> None:
    assert errors(judged([10, 9], [10.0, 9.0], ["a", "b"]))[0][3:] == ("–", "–")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("nycflight13", "Did you mean `nycflights13`"),
        ("trips", "name the file"),
        ("trips:orign=a", "Did you mean `origin`"),
    ],
)
def test_a_source_that_is_not_there_is_refused_by_name(source: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=says):
        trips_of(source, None if source == "trips" else tmp_path / "trips.csv", 7)


def test_plain_trips_are_taken_under_the_names_that_are_given(tmp_path: Path) -> None:
    began = pd.Timestamp("2026-03-02") + pd.to_timedelta(np.arange(0, 12 * 1440, 30), unit="min")
    columns = {"start": began, "end": began + pd.Timedelta(minutes=9), "a": 1, "b": 2, "km": 4.0}
    pd.DataFrame(columns).to_parquet(tmp_path / "trips.parquet")
    story = trips_of("trips:began=start,ended=end,origin=a,goal=b,distance=km,per_km=1,planned,zone=UTC,days=6",
                    tmp_path / "trips.parquet", 7)  # fmt: skip
    assert (story.first, story.last) == (date(2026, 3, 3), date(2026, 3, 8))
    system = story.system()
    assert system.task.window == timedelta(hours=4)
    assert [cap.measure for cap in system.limits.caps] == ["coverage_p90"], "one update a trip cannot jump"
    assert story.drifted == (date(2026, 3, 10), date(2026, 3, 11))


def test_the_city_changes_only_after_its_history() -> None:
    story = trips_of("simulator", None, 7)
    assert isinstance(story, CityOfTrips)
    assert story.world.city.turns == story.city.days + 1
    assert (story.drifted[0] - story.last).days == 2
