"""The online store as Feast's own calls see it: materialise, push, read, on a real Redis."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from feast import FeatureStore
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from redis import Redis

from feature_repo.definition import CounterView, FeatureSet, ProfileView, Signal
from feature_repo.folding.carry import nothing
from feature_repo.records.layout import encode, layouts
from feature_repo.records.redis_client import connect
from feature_repo.records.redis_records import WriteCounts, read_all_records, write_records
from feature_repo.request_time import Count
from feature_repo.stores.packed_online_store import PackedOnlineStoreConfig
from feature_repo.stores.store import materialise, open_store
from infra.errors import DefinitionError, Unavailable
from infra.lake import Lake
from infra.settings import Settings

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOWHERE = "redis://127.0.0.1:1/0"
PLANT = FeatureSet(
    name="plant",
    version=1,
    owner="plant team",
    entities={"machine": "a machine", "shift": "who works at it"},
    lookups=(),
    signals=(Signal("stop", "stops", "it stopped"), Signal("part", "parts", "it made a part")),
    counter_views=(
        CounterView("machine", ("machine",), {"stop": ("1h", "1d"), "part": ("1h",)}, "how a machine runs"),
        CounterView("machine_shift", ("machine", "shift"), {"stop": ("1d",)}, "how a machine runs in a shift"),
        CounterView("shift", ("shift",), {"stop": ("1d",)}, "how a shift runs"),
    ),
    profile_views=(
        ProfileView("machine_profile", "machines", ("machine",), {
            "kind": ("String", "kind"), "bought_at": ("Int64", "bought"), "power": ("Float32", "power"),
            "tools": ("Array(String)", "tools"),
        }, "what a machine is"),
    ),
    features=(Count("stops", "machine.stop_1h"),),
    ttl=timedelta(days=2),
)  # fmt: skip
LAYOUTS = layouts(PLANT)
MACHINE, PAIR = LAYOUTS["machine"], LAYOUTS["machine_shift"]


MOMENT = pa.timestamp("us", "UTC")


def published(settings: Settings, machines: int = 30, minutes: int = 4) -> None:
    """States of every view, and profiles, with some values nobody knows."""
    lake, chance = Lake(settings.lake), np.random.default_rng(7)
    for view in PLANT.counter_views:
        n = machines * minutes
        at = [NOON - timedelta(minutes=i % minutes) for i in range(n)]
        keys = {key: [f"{key[0]}{i // minutes % (7 + 23 * (key == 'machine'))}" for i in range(n)] for key in view.keys}
        columns = {c: chance.random(n).astype("f4") for c in view.counters}
        times = {"event_timestamp": pa.array(at, MOMENT), "published_at": pa.array(at, MOMENT)}
        lake.append(f"states/{view.name}", NOON.date(), pa.table({**keys, **times, **columns}))
    at = pa.array([NOON - MINUTE] * machines, MOMENT)
    lake.append("profiles/machine_profile", NOON.date(), pa.table({
        "machine": [f"m{i}" for i in range(machines)], "kind": ["lathe" if i % 3 else None for i in range(machines)],
        "bought_at": list(range(machines)),
        "power": pa.array([i / 2 if i % 4 else None for i in range(machines)], pa.float32()),
        "tools": [["saw", "drill"][: i % 3] for i in range(machines)], "event_timestamp": at, "created": at,
    }))  # fmt: skip


@pytest.fixture
def redis(redis_url: str) -> Redis:
    return connect(redis_url)


@pytest.fixture
def store(settings: Settings) -> FeatureStore:
    published(settings)
    return open_store(settings, PLANT, as_of=NOON)


def plain(cell: Any) -> Any:
    if isinstance(cell, list | np.ndarray):
        return list(cell)
    if isinstance(cell, datetime):
        return pd.Timestamp(cell).tz_convert("UTC")
    return None if pd.isna(cell) else pytest.approx(cell, rel=1e-7) if isinstance(cell, float) else cell


def test_online_values_equal_offline_values(store: FeatureStore) -> None:
    written = materialise(store, PLANT, NOON - timedelta(days=1), NOON)
    assert written["machine"] == WriteCounts(accepted=30)
    assert written["shift"] == WriteCounts(accepted=7)
    assert materialise(store, PLANT, NOON - timedelta(days=1), NOON)["machine"] == WriteCounts(same=30)
    entities = [{"machine": f"m{i}", "shift": f"s{i % 7}"} for i in range(32)]  # two of them nobody knows
    service = store.get_feature_service(PLANT.service)
    online = store.get_online_features(features=service, entity_rows=entities, full_feature_names=True).to_df()
    asked = pd.DataFrame(entities).assign(event_timestamp=NOON)
    offline = store.get_historical_features(entity_df=asked, features=service, full_feature_names=True).to_df()
    names = [c for c in offline.columns if "__" in c]
    assert len(names) == sum(len(la.floats) + len(la.others) for la in LAYOUTS.values())
    for name in names:
        assert [plain(c) for c in online[name]] == [plain(c) for c in offline[name]], name


def test_records_that_go_online_in_parts_are_counted_together(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feature_repo.stores.materialization.AT_ONCE", 7)
    assert materialise(store, PLANT, NOON - timedelta(days=1), NOON)["machine"] == WriteCounts(accepted=30)


def test_only_what_was_published_in_the_window_is_materialised(store: FeatureStore, redis: Redis) -> None:
    materialise(store, PLANT, NOON - timedelta(days=1), NOON - 2 * MINUTE, views=["machine"])
    assert set(read_all_records(redis, MACHINE).at) == {(NOON - 2 * MINUTE).timestamp()}


def test_feast_tells_present_null_missing_and_stale(store: FeatureStore, redis: Redis) -> None:
    materialise(store, PLANT, NOON - timedelta(days=1), NOON)
    old = np.array([(NOON - timedelta(days=3)).timestamp() * 1e6], dtype=np.int64)
    write_records(
        redis, MACHINE, [("retired",)], encode(MACHINE, np.ones((1, 3), "f4"), [old.tolist()], old, old), NOON
    )
    features = ["machine:stop_1h", "machine_profile:power"]
    rows = [{"machine": name} for name in ("m1", "m4", "nobody", "retired")]
    response = store.get_online_features(features=features, entity_rows=rows).proto
    said = dict(zip(response.metadata.feature_names.val, [list(r.statuses) for r in response.results], strict=True))
    present, null, missing, stale = (
        FieldStatus.PRESENT, FieldStatus.NULL_VALUE, FieldStatus.NOT_FOUND, FieldStatus.OUTSIDE_MAX_AGE
    )  # fmt: skip
    assert said["stop_1h"] == [present, present, missing, stale]
    assert said["power"] == [present, null, missing, missing]


def pushed(worth: float, at: datetime) -> pd.DataFrame:
    return pd.DataFrame({"machine": ["m"], "stop_1h": [worth], "stop_1d": [worth], "part_1h": [worth],
                         "published_at": [at], "event_timestamp": [at]})  # fmt: skip


def test_rows_can_be_pushed_and_the_future_does_not_stick(store: FeatureStore) -> None:
    store.push("machine_pushed", pushed(1.0, NOON - MINUTE))
    store.push("machine_pushed", pushed(2.0, NOON + timedelta(days=365)))
    store.push("machine_pushed", pushed(3.0, NOON - timedelta(seconds=30)))
    got = store.get_online_features(
        features=["machine:stop_1d", "machine:published_at"], entity_rows=[{"machine": "m"}]
    )
    assert got.to_dict()["stop_1d"] == [3.0]


def test_a_view_no_longer_defined_leaves_the_store(settings: Settings, store: FeatureStore, redis: Redis) -> None:
    materialise(store, PLANT, NOON - timedelta(days=1), NOON)
    smaller = FeatureSet(**{f: getattr(PLANT, f) for f in PLANT.__slots__} | {"counter_views": PLANT.counter_views[:1]})
    again = open_store(settings, smaller, as_of=NOON)
    assert len(read_all_records(redis, PAIR).keys) == 0
    assert len(read_all_records(redis, MACHINE).keys) == 30
    assert {v.name for v in again.list_feature_views()} == {"machine", "machine_profile"}


def test_materialising_without_redis_says_so(settings: Settings) -> None:
    published(settings)
    store = open_store(settings.model_copy(update={"redis_url": NOWHERE}), PLANT)
    with pytest.raises(Unavailable, match=r"Redis at 127\.0\.0\.1:1"):
        materialise(store, PLANT, NOON - timedelta(days=1), NOON)


def test_a_view_of_what_nobody_ever_did_is_read_as_that(settings: Settings) -> None:
    published(settings)
    shift = PLANT.counter_view("shift")
    Lake(settings.lake).replace("states/shift", NOON.date(), nothing(shift))
    store = open_store(settings, PLANT, as_of=NOON)
    assert materialise(store, PLANT, NOON - timedelta(days=1), NOON)["shift"] == WriteCounts()
    asked = pd.DataFrame({"machine": ["m1"], "shift": ["s1"], "event_timestamp": [NOON]})
    service = store.get_feature_service(PLANT.service)
    frame = store.get_historical_features(entity_df=asked, features=service, full_feature_names=True).to_df()
    assert frame["shift__stop_1d"].isna().all()
    assert frame["machine__stop_1h"].notna().all()


def test_a_store_that_is_printed_does_not_tell_its_password() -> None:
    assert "hunter2" not in repr(PackedOnlineStoreConfig(redis_url="redis://:hunter2@127.0.0.1:1/0"))


@pytest.mark.parametrize(
    ("features", "rows", "words"),
    [
        (["machine:stop_1h"], [], "there are none"),
        (["machine:stop_1h"], [{"machine": "m1"}, {"shift": "s1"}], "entity row 1: no value for machine"),
        (["machine:stop_1h"], [{"machine": None}], "entity row 0: no value for machine"),
        (["machine:stop_9h"], [{"machine": "m1"}], "Did you mean `stop_1h`"),
        (["machin:stop_1h"], [{"machine": "m1"}], "Did you mean `machine`"),
        (["stop_1h"], [{"machine": "m1"}], "`stop_1h` is no view and field"),
        ([], [{"machine": "m1"}], "none is named"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_in_a_sentence(
    store: FeatureStore, features: list[str], rows: list[dict[str, Any]], words: str
) -> None:
    with pytest.raises(DefinitionError, match=words):
        store.get_online_features(features=features, entity_rows=rows)
