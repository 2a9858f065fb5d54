"""From landed rows to model input, through Spark and Feast: each feature as it was known when the row was shown."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from feature_repo.definition import CounterView, FeatureSet, Lookup, ProfileView, Signal
from feature_repo.folding import profiles, published_states
from feature_repo.request_time import Age, Context, Count
from feature_repo.stores.store import open_store
from infra.freshness import Freshness
from infra.lake import Lake
from infra.settings import Settings
from training.contenders import ByColumn
from training.definition import FallbackLists, Outcome, Task
from training.rows import dataset, labels
from training.rows.dataset import Dataset
from validation.contract import Column, Table

NOON = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)
TIMES = (Column("at", "timestamp", "when"), Column("known", "timestamp", "since when"))
SHIPS = Table("ships", "a ship", "tests", ("ship",), "at", "known", (
    Column("ship", "string", "ship"), Column("flag", "string", "flag"), Column("built", "timestamp", "built"), *TIMES,
), versioned=True)  # fmt: skip
CALLS = Table("calls", "a call at port", "tests", ("call",), "at", "known", (
    Column("call", "string", "call"), Column("port", "string", "port"), Column("ship", "string", "ship"),
    Column("draught", "float32", "depth", nullable=True, logged=True), *TIMES,
))  # fmt: skip
DELAYS = Table("delays", "a delay", "tests", ("delay",), "at", "known", (
    Column("delay", "string", "delay"), Column("call", "string", "call"), Column("hours", "float32", "hours"), *TIMES,
))  # fmt: skip
TABLES = {t.name: t for t in (SHIPS, CALLS, DELAYS)}
FEATURES = FeatureSet(
    name="harbour", version=1, owner="tests", entities={"ship": "a ship", "flag": "a flag", "port": "a port"},
    lookups=(Lookup("ships", "ship", {"flag": "flag"}),),
    signals=(Signal("called", "calls", "a call was made"),),
    counter_views=(
        CounterView("by_ship", ("ship",), {"called": ("1h",)}, "a ship's calls"),
        CounterView("by_port_flag", ("port", "flag"), {"called": ("1h",)}, "a flag's calls at a port"),
    ),
    profile_views=(
        ProfileView("ship_profile", "ships", ("ship",), {"built": ("Int64", "unix_seconds(built)")}, "a ship"),
    ),
    features=(
        Count("ship_calls", "by_ship.called_1h"), Count("flag_calls", "by_port_flag.called_1h"),
        Age("ship_age", "ship_profile.built"), Context("draught", neutral=5.0),
    ),
)  # fmt: skip
TASK = Task(
    name="harbour", decisions="calls", outcomes_in="delays", match=("call",), exact=(),
    outcomes=(Outcome("late", "hours > 1", "it left late", gain=1),),
    target="late", unit="port", cluster="ship", item="ship", attribute="flag",
    contenders=(ByColumn("calls", "ship_calls"),),
    fallback_lists=FallbackLists("ship", "ship_profile", "port", "built", ("built",)),
)  # fmt: skip


def after(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def deliver(lake: Lake, table: Table, *rows: dict[str, Any]) -> None:
    """Accept rows of the day."""
    lake.append(f"tables/{table.name}", NOON.date(), pa.Table.from_pylist(list(rows), schema=table.schema))


def call(name: str, minutes: float, ship: str, draught: float | None = None) -> dict[str, Any]:
    """A ship calls at the port of Brest; known at once."""
    return {
        "call": name,
        "port": "brest",
        "ship": ship,
        "draught": draught,
        "at": after(minutes),
        "known": after(minutes),
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home of its own."""
    return Settings(home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def made(spark: Any, home: Settings) -> Dataset:
    """Four calls: a's first; b's, of its flag, half a minute later; a's second an hour on; c's, described too late."""
    lake = Lake(home.lake)
    built = {"built": after(-60 * 24)}
    deliver(lake, SHIPS, *({"ship": s, "flag": "fr", **built, "at": after(-60), "known": after(-60)} for s in "ab"),
            {"ship": "c", "flag": "fr", **built, "at": after(-60), "known": after(65)})  # fmt: skip
    deliver(lake, CALLS, call("a1", 0, "a"), call("b1", 0.5, "b", 7.0), call("a2", 61, "a"), call("c1", 62, "c"))
    deliver(lake, DELAYS, {"delay": "d", "call": "b1", "hours": 2.0, "at": after(3), "known": after(9)})
    days = (date(2026, 5, 3), date(2026, 5, 3))
    published_states.publish_states(spark, lake, FEATURES, TABLES, *days)
    profiles.publish_profiles(spark, lake, FEATURES, TABLES, *days)
    rows = labels.build_labels(spark, lake, TASK, FEATURES, TABLES, after(600), *days)
    return dataset.build_dataset(rows, open_store(home, FEATURES), FEATURES, TASK)


@pytest.fixture(scope="module")
def store(home: Settings) -> Any:
    """Its feature store."""
    return open_store(home, FEATURES)


def column(made: Dataset, name: str) -> dict[str, float]:
    """A column, by call."""
    return dict(zip(made.frame["call"], made.column(name).tolist(), strict=True))


def test_counters_are_those_published_before_the_row_was_shown_decayed_to_it(made: Dataset) -> None:
    an_hour_old = np.log1p(2 ** (-61 / 60))
    assert column(made, "ship_calls") == pytest.approx({"a1": 0, "b1": 0, "a2": an_hour_old, "c1": 0})
    both = np.log1p(2 ** (-61 / 60) + 2 ** (-60.5 / 60))
    assert column(made, "flag_calls") == pytest.approx({"a1": 0, "b1": 0, "a2": both, "c1": 0}), (
        "b1 came before publication"
    )


def test_a_profile_that_was_not_known_yet_is_unknown(made: Dataset) -> None:
    found = column(made, "ship_age")
    assert found["a1"] == pytest.approx(np.log1p(24))
    assert np.isnan(found["c1"])


def test_what_the_request_said_is_there_and_neutral_where_it_said_nothing(made: Dataset) -> None:
    assert column(made, "draught") == {"a1": 5.0, "b1": 7.0, "a2": 5.0, "c1": 5.0}


def test_labels_stand_beside_their_features(made: Dataset) -> None:
    assert column(made, "late") == {"a1": 0.0, "b1": 1.0, "a2": 0.0, "c1": 0.0}


def test_lineage_is_measured_and_nothing_comes_from_the_future(made: Dataset) -> None:
    known = {line.feature: line for line in made.lineage}
    assert set(known) == {"ship_calls", "flag_calls", "ship_age", "draught"}
    assert all(line.known_after_s <= 0 for line in made.lineage), made.lineage
    assert known["ship_calls"].source == "by_ship"
    assert known["ship_age"].known_after_s == pytest.approx(-3600), (
        "the ships were described an hour before the first call"
    )


def test_states_that_are_not_online_yet_are_not_learned_from(made: Dataset, store: Any, tmp_path: Path) -> None:
    every_two_hours = Freshness(every_s=7_200, basis="measured")
    stale = dataset.build_dataset(made.frame, store, FEATURES, TASK, every_two_hours)
    assert column(stale, "ship_calls") == {"a1": 0, "b1": 0, "a2": 0, "c1": 0}, "published a minute after noon"
    assert column(stale, "ship_age")["a1"] == pytest.approx(column(made, "ship_age")["a1"]), "aged to the row's moment"
    assert all(line.known_after_s <= 0 for line in stale.lineage)
    dataset.save_dataset(Lake(tmp_path), "stale", stale)
    loaded = dataset.load_dataset(Lake(tmp_path), "stale")
    assert (loaded.freshness, loaded.digest) == (every_two_hours, stale.digest)


def test_a_rhythm_that_reaches_every_publication_changes_nothing(made: Dataset, store: Any) -> None:
    each_minute = dataset.build_dataset(made.frame, store, FEATURES, TASK, Freshness(every_s=60))
    assert each_minute.digest == made.digest
    assert made.facts(TASK)["freshness"] == "each state as soon as it is published"


class Late:
    """A store that answers as of a day later."""

    def __init__(self, store: Any) -> None:
        self.get_feature_service, self._store = store.get_feature_service, store

    def get_historical_features(self, entity_df: Any, **asked: Any) -> Any:
        """What was known a day after each row was shown."""
        moved = entity_df.assign(event_timestamp=entity_df["event_timestamp"] + timedelta(days=1))
        return self._store.get_historical_features(entity_df=moved, **asked)


def test_what_was_joined_from_a_day_later_is_measured_as_late(made: Dataset, store: Any) -> None:
    late = dataset.build_dataset(made.frame, Late(store), FEATURES, TASK)  # type: ignore[arg-type]
    known = {line.feature: line.known_after_s for line in late.lineage}
    assert known["ship_age"] == 180.0, "c1 was shown three minutes before its ship was described"
    assert known["ship_calls"] > 0
    assert known["flag_calls"] > 0


def test_facts_describe_the_set(made: Dataset, tmp_path: Path) -> None:
    facts = made.facts(TASK)
    assert (facts["rows"], facts["share_late"], facts["digest"]) == (4, 0.25, made.digest)
