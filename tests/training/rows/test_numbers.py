"""Outcomes that are numbers: which one counts, for which decisions, and what nothing is."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_repo.definition import FeatureSet
from feature_repo.request_time import Context
from infra.errors import DefinitionError
from infra.lake import Lake
from tests.training.rows.test_labels import NOON, table, word
from training.contenders import ByColumn
from training.definition import Outcome, Task
from training.objectives import Regress
from training.rows import newest
from training.rows.attribution import AT
from training.rows.label_versions import SINCE, TARGET_AT, known_at_cuts
from training.rows.labels import build_label_versions
from training.rows.maturity import maturity_curve
from validation.contract import Column

UPDATES = table(
    "updates",
    ("update",),
    word("update"),
    word("trip"),
    word("driver"),
    Column("way", "float32", "minutes", logged=True),
)
ARRIVALS = table("arrivals", ("trip",), word("trip"), Column("tip", "float32", "euros", nullable=True))
FARES = table("fares", ("fare",), word("fare"), word("trip"), Column("euros", "float64", "euros", nullable=True))
TABLES = {t.name: t for t in (UPDATES, ARRIVALS, FARES)}
FEATURES = FeatureSet(
    name="trips", version=1, owner="tests", entities={"driver": "a driver"}, lookups=(), signals=(), counter_views=(),
    profile_views=(), features=(Context("way", neutral=1.0),),
)  # fmt: skip
LEFT = "(unix_micros(at) - unix_micros(decided_at)) / 6e7"
HOUR = timedelta(hours=1)
PAID = Outcome("paid", "true", "all fares", table="fares", of="euros", how="sum", window=HOUR)
TASK = Task(
    name="trips", decisions="updates", outcomes_in="arrivals", match=("trip",), exact=(),
    outcomes=(
        Outcome("left", "true", "minutes to arrival", of=LEFT, how="last", counts_for="each", window=HOUR),
        Outcome("tipped", "tip > 0", "there was a tip", counts_for="each", window=HOUR),
        PAID, replace(PAID, name="first_fare", how="first"), replace(PAID, name="last_fare", how="last"),
    ),
    target="left", unit="trip", cluster="driver", contenders=(ByColumn("way", "way"),), objective=Regress(),
)  # fmt: skip
DAYS = (date(2026, 5, 3), date(2026, 5, 4))


def minutes(after: float) -> datetime:
    return NOON + timedelta(minutes=after)


def update(trip: str, at: float) -> dict[str, Any]:
    return {"update": f"{trip}{at}", "trip": trip, "driver": "d", "way": 5.0, "at": minutes(at), "known": minutes(at)}


def arrival(trip: str, at: float, known: float | None = None, tip: float | None = None) -> dict[str, Any]:
    return {"trip": trip, "tip": tip, "at": minutes(at), "known": minutes(at if known is None else known)}


def fare(trip: str, at: float, euros: float | None) -> dict[str, Any]:
    return {"fare": f"{trip}{at}", "trip": trip, "euros": euros, "at": minutes(at), "known": minutes(at)}


ROWS = {
    "updates": [update("a", 0), update("a", 10), update("a", 90), update("b", 0), update("c", 0), update("d", 0),
                update("e", 0), update("e", 10), update("z", 300)],
    "arrivals": [arrival("a", 25, tip=2.0), arrival("d", 20, known=200)],
    "fares": [fare("c", 20, 3.0), fare("c", 5, 0.1), fare("c", 30, None), fare("c", 31, float("nan")),
              fare("c", 32, 1e300), fare("c", 61, 100.0), fare("d", 1, None), fare("e", 5, 1.0), fare("e", 15, 2.0)],
}  # fmt: skip


def versions(spark: Any, lake: Lake, task: Task = TASK) -> pd.DataFrame:
    return build_label_versions(spark, lake, task, FEATURES, TABLES, minutes(600), *DAYS)


@pytest.fixture(scope="module")
def trips(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("trips"))
    for name, rows in ROWS.items():
        lake.append(f"tables/{name}", NOON.date(), pa.Table.from_pylist(rows, schema=TABLES[name].schema))
    return lake


@pytest.fixture(scope="module")
def found(spark: Any, trips: Lake) -> pd.DataFrame:
    """All versions of all labels."""
    return versions(spark, trips)


def told(found: pd.DataFrame, outcome: str, trips: str) -> dict[str, float | None]:
    """Of some trips, update by update: the outcome as known last."""
    values = newest(found).set_index("update")[outcome]
    chosen = {name: value for name, value in values.items() if str(name)[0] in trips}
    return {str(name): None if pd.isna(value) else round(float(value), 4) for name, value in chosen.items()}


def test_one_arrival_says_for_each_update_how_long_it_was_still_to_go(found: pd.DataFrame) -> None:
    assert told(found, "left", "ab") == {"a0": 25.0, "a10": 15.0, "a90": None, "b0": None}, "nothing came is not 0"
    assert told(found, "tipped", "ab") == {"a0": 1, "a10": 1, "a90": 0, "b0": 0}
    assert told(found, "fits", "ab") == told(found, "judged", "ab") == {"a0": 1, "a10": 1, "a90": 0, "b0": 0}
    assert found["left"].dtype == np.float32


def test_of_several_numbers_the_sum_the_first_or_the_last_counts_and_what_is_no_number_does_not(
    found: pd.DataFrame,
) -> None:
    assert told(found, "paid", "bcd") == {"b0": None, "c0": 3.1, "d0": None}
    assert told(found, "first_fare", "bcd") == {"b0": None, "c0": 0.1, "d0": None}
    assert told(found, "last_fare", "bcd") == {"b0": None, "c0": 3.0, "d0": None}


def test_a_number_of_the_latest_decision_is_none_of_the_one_before(found: pd.DataFrame) -> None:
    assert told(found, "paid", "e") == {"e0": 1.0, "e10": 2.0}


def test_a_number_that_comes_late_makes_a_version_and_is_not_known_before(found: pd.DataFrame) -> None:
    late = found[found["trip"] == "d"]
    assert late["left"].isna().tolist() == [True, False]
    assert late[SINCE].tolist() == [pd.Timestamp(minutes(70)), pd.Timestamp(minutes(200))]
    assert late[TARGET_AT + "left"].tolist() == [pd.NaT, pd.Timestamp(minutes(200))]
    split = replace(TASK.split, tune_from=minutes(100), judge_from=minutes(250))
    chosen = known_at_cuts(found, replace(TASK, split=split)).set_index("update")
    assert not chosen.loc["d0", "fits"], "when tuning began, nobody knew when it arrived"


def test_the_maturity_curve_of_a_number_is_of_all_that_have_one_also_of_zeros() -> None:
    at = pd.to_datetime([minutes(0)] * 4, utc=True)
    after = pd.to_timedelta([5, 30, 200, 10], unit="min")
    labels = pd.DataFrame({AT: at, "left": [0.0, -3.0, 2.0, None], TARGET_AT + "left": at + after})
    curve = {point.age_s / 60: (point.share, point.rows) for point in maturity_curve(labels, TASK)}
    assert curve[10] == (1 / 3, 3)
    assert curve[70] == (2 / 3, 3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"how": "any"}, "several rows may come. Say how: sum, last or first"),
        ({"of": "", "how": "sum"}, "of numbers, and there is none. Say of which"),
        ({"gain": 1.0}, "no gain, veto or value of its own. Define a flag beside it"),
    ],
)
def test_an_outcome_that_is_half_a_number_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DefinitionError, match=sentence):
        replace(PAID, **change)


def test_what_is_no_number_is_refused_with_how_to_make_it_one(spark: Any, trips: Lake) -> None:
    mistaken = replace(TASK.outcomes[0], of="at - decided_at")
    with pytest.raises(DefinitionError, match=r"type interval .* no number. Convert it, such as `\(unix_micros"):
        versions(spark, trips, replace(TASK, outcomes=(mistaken,)))
