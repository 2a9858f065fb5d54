"""A training set on further days: only the days are joined whose answers could be others, and the set is the same."""

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_repo.definition import CounterView, FeatureSet, ProfileView, Signal
from feature_repo.request_time import Age, Context, Count
from feature_repo.stores import open_store
from infra import failpoint
from infra.lake import Lake
from infra.lake_rows import names_below
from infra.settings import Settings
from training.contenders import ByColumn
from training.definition import FallbackLists, Outcome, Task
from training.rows import AT, Dataset, JoinedDays, build_dataset
from training.rows.dataset import _fields

MOMENT = pa.timestamp("us", "UTC")
DAYS = [date(2026, 5, day) for day in range(1, 6)]
FEATURES = FeatureSet(
    name="docks", version=1, owner="tests", entities={"ship": "a ship"}, lookups=(),
    signals=(Signal("called", "calls", "a call was made"),),
    counter_views=(CounterView("by_ship", ("ship",), {"called": ("1h", "1d")}, "a ship's calls"),),
    profile_views=(ProfileView("ship_profile", "ships", ("ship",), {
        "built": ("Int64", "unix_seconds(built)"), "flags": ("Array(String)", "flags")}, "a ship"),),
    features=(Count("calls", "by_ship.called_1h"), Count("calls_1d", "by_ship.called_1d"),
              Age("age", "ship_profile.built"), Context("draught", neutral=5.0)),
    ttl=timedelta(days=1),
)  # fmt: skip
TASK = Task(
    name="docks", decisions="calls", outcomes_in="delays", match=("call",), exact=(),
    outcomes=(Outcome("late", "hours > 1", "it left late", gain=1),),
    target="late", unit="port", cluster="ship", item="ship", attribute="flag", contenders=(ByColumn("calls", "calls"),),
    fallback_lists=FallbackLists("ship", "ship_profile", "port", "built", ("built",)),
)  # fmt: skip


def at(day: date, hours: float) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hours)


def publish(lake: Lake, day: date, scale: float = 1.0) -> None:
    """The states of a day, hour by hour, of four ships; and profiles, each ship described on one of the days."""
    times = [at(day, hour) for hour in range(24) for _ in range(4)]
    counts = pa.array(np.arange(96) * scale, pa.float32())
    lake.replace("states/by_ship", day, pa.table({
        "ship": [f"s{i % 4}" for i in range(96)], "event_timestamp": pa.array(times, MOMENT),
        "published_at": pa.array(times, MOMENT), "called_1h": counts, "called_1d": counts}))  # fmt: skip
    described = pa.array([at(day, 6)], MOMENT)
    lake.replace("profiles/ship_profile", day, pa.table({
        "ship": [f"s{day.day % 4}"], "built": pa.array([day.day], pa.int64()), "flags": [["fr"]],
        "event_timestamp": described, "created": described}))  # fmt: skip


def labels(days: list[date]) -> pd.DataFrame:
    """Fifty mature rows a day, until the evening; every seventh is of a ship that nobody knows."""
    times = [at(day, 20 * i / 50) for day in days for i in range(50)]
    rows = range(len(times))
    return pd.DataFrame({
        "call": [f"c{i}" for i in rows], "ship": [f"s{i % 4}" if i % 7 else "unknown" for i in rows],
        "draught": [None if i % 3 else float(i) for i in rows], "late": [float(i % 2) for i in rows],
        AT: pd.Series(times).astype("datetime64[us, UTC]"),
    })  # fmt: skip


class Yard:
    """A home with published days, and training sets built in it."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder)
        self.lake = Lake(self.settings.lake)

    def set_of(self, rows: pd.DataFrame, features: FeatureSet = FEATURES) -> tuple[list[int], Dataset]:
        """The days of the month that were joined, and the set; it equals one for which everything was joined."""
        store, days = open_store(self.settings, features), JoinedDays(self.lake, "docks")
        dataset = build_dataset(rows, store, features, TASK, days=days)
        anew = build_dataset(rows, store, features, TASK)
        assert dataset.digest == anew.digest
        assert dataset.matrix.tobytes() == anew.matrix.tobytes()
        assert dataset.lineage == anew.lineage
        return [day.day for day in days.joined], dataset


@pytest.fixture(scope="module")
def first_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which four days of training were built."""
    home = tmp_path_factory.mktemp("docks")
    for day in DAYS:
        publish(Lake(Settings(home=home).lake), day)
    assert Yard(home).set_of(labels(DAYS[:4]))[0] == [1, 2, 3, 4]
    return home


@pytest.fixture
def yard(first_home: Path, tmp_path: Path) -> Yard:
    """A copy of it to change."""
    return Yard(shutil.copytree(first_home, tmp_path / "home"))


def test_a_further_day_of_training_joins_only_that_day(yard: Yard) -> None:
    assert yard.set_of(labels(DAYS))[0] == [5]
    assert yard.set_of(labels(DAYS))[0] == []


def test_rows_belong_to_the_day_on_which_they_mature(yard: Yard) -> None:
    evening = labels(DAYS[:4])
    last = evening[AT] == evening[AT].max()
    evening.loc[last, AT] = at(DAYS[3], 23.9)  # mature on the fifth
    assert yard.set_of(evening)[0] == [4, 5]
    young = evening[~last].reset_index(drop=True)
    assert yard.set_of(young)[0] == []
    assert yard.set_of(evening)[0] == [5], "the fourth was complete without it"


def test_a_backfill_joins_that_day_and_those_within_the_time_to_live_again(yard: Yard) -> None:
    publish(yard.lake, DAYS[1], scale=2.0)
    before = yard.set_of(labels(DAYS[:1]))[1].digest
    joined, after = yard.set_of(labels(DAYS[:4]))
    assert joined == [2, 3, 4], "profiles are never too old"
    assert before != after.digest


def test_states_of_a_day_alone_reach_as_far_as_their_time_to_live(yard: Yard) -> None:
    rows = yard.lake.read("states/by_ship", [DAYS[1]])
    yard.lake.replace("states/by_ship", DAYS[1], rows.set_column(3, "called_1h", pa.array([7.0] * 96, pa.float32())))
    assert yard.set_of(labels(DAYS[:4]))[0] == [2, 3]


def test_a_file_that_retention_wrote_again_joins_no_day_again(yard: Yard) -> None:
    for name in ("states/by_ship", *names_below(yard.lake, "profiles")):
        for file in yard.lake.files(name):
            pq.write_table(pq.read_table(file, partitioning=None), file, coerce_timestamps="us", compression="zstd")
    assert yard.set_of(labels(DAYS))[0] == [5]


def test_a_changed_label_is_in_the_set_and_no_day_is_joined_for_it(yard: Yard) -> None:
    changed = labels(DAYS[:4])
    changed.loc[60, "late"] = 7.0
    joined, dataset = yard.set_of(changed)
    assert (joined, dataset.frame.loc[60, "late"]) == ([], 7.0), "a join reads entities and times, no labels"


def test_a_row_that_came_late_or_is_of_another_entity_joins_its_day_again(yard: Yard) -> None:
    fewer = labels(DAYS[:4]).drop(index=60).reset_index(drop=True)
    assert yard.set_of(fewer)[0] == [2]
    other = labels(DAYS[:4])
    other.loc[110, "ship"] = "s3"
    assert yard.set_of(other)[0] == [2, 3]


@pytest.mark.parametrize("change", [{"version": 2}, {"ttl": timedelta(hours=2)}], ids=["version", "time to live"])
def test_another_definition_joins_every_day_again(yard: Yard, change: dict[str, Any]) -> None:
    assert yard.set_of(labels(DAYS[:4]), replace(FEATURES, **change))[0] == [1, 2, 3, 4]


def test_other_code_joins_every_day_again(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feature_repo.stores.join_keys._code", lambda beside: ["other"])
    assert yard.set_of(labels(DAYS[:4]))[0] == [1, 2, 3, 4]


def test_a_join_that_asks_otherwise_has_days_of_its_own(yard: Yard) -> None:
    store, days, rows = open_store(yard.settings, FEATURES), JoinedDays(yard.lake, "docks"), labels(DAYS[:4])

    def joined(asked: pd.DataFrame, options: object = ()) -> list[int]:
        days.fields(asked, rows[AT] + TASK.maturity, lambda some: _fields(some, store, FEATURES), store, FEATURES,
                    options)  # fmt: skip
        return [day.day for day in days.joined]

    plain = rows[["ship", AT]]
    lagging = plain.assign(**{AT: rows[AT] - timedelta(hours=1)})
    assert (joined(plain), joined(lagging), joined(lagging)) == ([], [1, 2, 3, 4], [])
    assert joined(lagging, options={"by_ship": 3600}) == [1, 2, 3, 4]


def test_the_order_of_the_rows_is_the_askers(yard: Yard) -> None:
    assert yard.set_of(labels(DAYS[:4]).sample(frac=1.0, random_state=1).reset_index(drop=True))[0] == [1, 2, 3, 4]


@pytest.mark.parametrize("nth", [1, 2, 4])
def test_a_kill_midway_leaves_whole_days_or_none(yard: Yard, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
    class Killed(BaseException):
        pass

    places: list[str] = []

    def watch(place: str) -> None:
        places.append(place)
        if len(places) == nth:
            raise Killed

    publish(yard.lake, DAYS[0], scale=3.0)
    monkeypatch.setattr(failpoint, "watching", watch)
    with pytest.raises(Killed):
        yard.set_of(labels(DAYS[:4]))
    monkeypatch.undo()
    assert set(yard.set_of(labels(DAYS[:4]))[0]) <= {1, 2, 3, 4}


def test_what_was_joined_while_a_day_was_published_is_not_kept(yard: Yard, tmp_path: Path) -> None:
    store, days, rows = open_store(yard.settings, FEATURES), JoinedDays(yard.lake, "docks"), labels(DAYS)
    published, copy = yard.lake.path("states/by_ship"), tmp_path / "copy"
    shutil.copytree(published, copy)

    def fetch(asked: pd.DataFrame) -> pa.Table:
        publish(yard.lake, DAYS[4], scale=5.0)
        return _fields(asked, store, FEATURES)

    days.fields(rows[["ship", AT]], rows[AT] + TASK.maturity, fetch, store, FEATURES)
    shutil.rmtree(published)
    shutil.copytree(copy, published)  # somebody puts the last copy back: the key is that of before the join
    assert yard.set_of(rows)[0] == [5]


def test_a_kept_file_that_cannot_be_read_is_joined_again(yard: Yard) -> None:
    (file,) = yard.lake.files("joined/docks", [DAYS[2]])
    file.write_bytes(file.read_bytes()[:200])
    assert yard.set_of(labels(DAYS[:4]))[0] == [3]


def test_days_that_are_learned_from_no_more_are_forgotten_and_no_entity_is_kept(yard: Yard) -> None:
    yard.set_of(labels(DAYS[2:]))
    assert yard.lake.days("joined/docks") == DAYS[2:]
    assert not {"ship", AT} & set(yard.lake.read("joined/docks").column_names)
