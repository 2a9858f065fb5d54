"""Hand-computed points in time, answered in this process and on Spark alike."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from feast import Entity, FeatureStore, FeatureView, Field, ValueType
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
from feast.types import Float32, Int64, String
from hypothesis import given
from hypothesis import strategies as st

from feature_repo.stores.asof_join import NOTHING, last_known
from feature_repo.stores.moments import with_moments
from feature_repo.stores.store import configuration
from infra.errors import DefinitionError, Unavailable
from infra.lake import Lake
from infra.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore:The spark")
DAY = date(2026, 1, 1)
TTL = timedelta(hours=2)


def at(clock: str) -> datetime:
    hour, minute = clock.split(":")
    return datetime(2026, 1, 1, int(hour), int(minute), tzinfo=UTC)


def rows(names: str, types: tuple[pa.DataType, ...], *values: tuple[Any, ...]) -> pa.Table:
    columns = zip(*[[at(v) if isinstance(v, str) and ":" in v else v for v in row] for row in values], strict=True)
    arrays = [pa.array(list(c), type=t) for c, t in zip(columns, types, strict=True)]
    return pa.table(dict(zip(names.split(), arrays, strict=True)))


MOMENT, TEXT, WHOLE, REAL = pa.timestamp("us", "UTC"), pa.string(), pa.int64(), pa.float32()
READINGS = rows(
    "sensor event_timestamp created f label",
    (TEXT, MOMENT, MOMENT, REAL, TEXT),
    ("A", "10:00", "10:05", 1.0, "first"),
    ("A", "11:00", "11:05", 2.0, "second"),
    ("A", "11:00", "11:30", 3.0, "second, corrected"),
    ("A", "12:00", "15:00", 4.0, "late"),
    ("B", "10:00", "10:00", 5.0, "twin"),
    ("B", "10:00", "10:00", 5.0, "twin"),
    ("C", "08:00", "08:00", 7.0, "old"),
    ("D", "10:00", "10:00", 8.0, "told"),
    ("D", "11:00", "11:00", None, None),
    ("E", "10:00", "12:00", 9.0, "back-filled, newer"),
    ("E", "09:30", "12:00", 8.0, "back-filled, older"),
    ("E", "09:00", "09:00", 7.0, "in time"),
    (None, "10:00", "10:00", 99.0, "nobody's"),
)
PAIRS = rows(
    "a b event_timestamp g",
    (WHOLE, WHOLE, MOMENT, REAL),
    (1, 23, "10:00", 100.0),
    (12, 3, "10:00", 200.0),
)
MAPPED = rows("SENSOR taken VALUE", (TEXT, MOMENT, REAL), ("A", "10:00", 11.0))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("asof"))


@pytest.fixture(scope="module")
def opened(settings: Settings, spark: object) -> FeatureStore:
    lake = Lake(settings.lake)
    for name, table in {"readings": READINGS, "pairs": PAIRS, "mapped": MAPPED}.items():
        for half in (0, 1):  # two files: nothing may depend on which comes first
            lake.append(name, DAY, table.take(pa.array(range(half, len(table), 2), pa.int64())))
    store = FeatureStore(config=configuration(settings, "points_in_time"))
    store.apply(views(settings))
    return store


def views(settings: Settings) -> list[Any]:
    sensor, a, b = Entity(name="sensor", value_type=ValueType.STRING), entity_of("a"), entity_of("b")

    def source(name: str, folder: str, created: str = "", time: str = "event_timestamp", **options: Any) -> SparkSource:
        return SparkSource(name=name, path=str(settings.lake / folder), file_format="parquet", timestamp_field=time,
                           created_timestamp_column=created, **options)  # fmt: skip

    key, f, label = (
        Field(name="sensor", dtype=String),
        Field(name="f", dtype=Float32),
        Field(name="label", dtype=String),
    )
    pair = [Field(name="a", dtype=Int64), Field(name="b", dtype=Int64), Field(name="g", dtype=Float32)]
    names = {"SENSOR": "sensor", "VALUE": "f", "taken": "event_timestamp"}
    return [
        sensor, a, b,
        FeatureView(name="fresh", entities=[sensor], ttl=TTL, schema=[key, f, label],
                    source=source("s1", "readings", "created")),
        FeatureView(name="ever", entities=[sensor], ttl=timedelta(0), schema=[key, f],
                    source=source("s2", "readings", "created")),
        FeatureView(name="pair", entities=[a, b], ttl=TTL, schema=pair, source=source("s3", "pairs")),
        FeatureView(name="mapped", entities=[sensor], ttl=TTL, schema=[key, f],
                    source=source("s4", "mapped", field_mapping=names)),
        FeatureView(name="empty", entities=[sensor], ttl=TTL, schema=[key, f], source=source("s5", "nowhere")),
    ]  # fmt: skip


def entity_of(name: str) -> Entity:
    return Entity(name=name, value_type=ValueType.INT64)


@pytest.fixture(params=["arrow", "spark"])
def store(opened: FeatureStore, request: pytest.FixtureRequest) -> Iterator[FeatureStore]:
    opened.config.offline_store.join = request.param
    yield opened
    opened.config.offline_store.join = "auto"


def asked(store: FeatureStore, entities: Mapping[str, Any], feature: str, **options: Any) -> list[float | None]:
    frame = store.get_historical_features(entity_df=pd.DataFrame(entities), features=[feature], **options).to_df()
    assert len(frame) == len(next(iter(entities.values()))), "one row for each row asked"
    return [None if pd.isna(v) else float(v) for v in frame[feature.split(":")[1]]]


CASES = [  # sensor, asked at, known by event time, known by what had been created by then, why
    ("A", "10:02", 1, None, "created only at 10:05"),
    ("A", "11:10", 3, 2, "the correction was created at 11:30"),
    ("A", "11:30", 3, 3, "created at this very moment"),
    ("A", "12:10", 4, 3, "the row of 12:00 was created at 15:00"),
    ("A", "14:00", 4, None, "exactly as old as the time to live"),
    ("A", "14:01", None, None, "a minute too old"),
    ("B", "10:30", 5, 5, "two identical rows are one answer"),
    ("C", "10:00", 7, 7, "exactly as old as the time to live"),
    ("C", "10:01", None, None, "a minute too old"),
    ("D", "11:30", None, None, "the latest row says null: null, not what was true before"),
    ("B", "10:00", 5, 5, "a row at the very time asked counts"),
    ("B", "09:59", None, None, "and a minute earlier it does not"),
    ("E", "10:30", 9, 7, "what was back-filled was not known yet"),
    ("E", "11:59", 9, None, "the row in time is too old, the others not known yet"),
    ("E", "12:00", 9, 9, "of two rows back-filled together the newer one counts"),
    ("Z", "10:00", None, None, "nobody knows this sensor"),
    (None, "10:00", None, None, "no key, no answer, though a row without a key exists"),
    ("B", "10:00", 5, 5, "asked twice, answered twice"),
]


@pytest.mark.parametrize("by_created", [False, True], ids=["by_event_time", "by_created_time"])
def test_each_question_gets_the_hand_computed_answer(store: FeatureStore, by_created: bool) -> None:
    entities = {"sensor": [c[0] for c in CASES], "event_timestamp": [at(c[1]) for c in CASES]}
    answers = asked(store, entities, "fresh:f", filter_by_created_timestamp=by_created)
    wrong = [(case[4], got) for case, got in zip(CASES, answers, strict=True) if got != case[3 if by_created else 2]]
    assert not wrong


def test_each_answer_carries_the_moment_of_the_row_that_gave_it(store: FeatureStore) -> None:
    moments = {  # sensor and moment asked: since when the row that answers was known
        ("A", "10:02"): "10:05",  # created after its event time: a join by event time alone takes it too early
        ("A", "11:10"): "11:30",
        ("B", "10:30"): "10:00",
        ("C", "10:01"): None,  # too old
        ("D", "11:30"): "11:00",  # its values are null
        ("Z", "10:00"): None,
    }
    frame = pd.DataFrame(
        {"sensor": [sensor for sensor, _ in moments], "event_timestamp": [at(clock) for _, clock in moments]}
    )
    job = store.get_historical_features(entity_df=frame, features=["fresh:f", "fresh:label"], full_feature_names=True)
    answers = with_moments(job).to_pandas()
    assert [None if pd.isna(known) else f"{known:%H:%M}" for known in answers["fresh__known_at"]] == [*moments.values()]
    pd.testing.assert_frame_equal(answers.drop(columns="fresh__known_at"), job.to_df())


def test_keys_of_two_parts_never_meet_by_accident(store: FeatureStore) -> None:
    entities = {"a": [1, 12, 1, 123], "b": [23, 3, 3, None], "event_timestamp": [at("11:00")] * 4}
    assert asked(store, entities, "pair:g") == [100, 200, None, None]


def test_keys_asked_as_text_find_numbers_and_nonsense_finds_nothing(store: FeatureStore) -> None:
    entities = {"a": ["1", "12", "x"], "b": ["23", "3", "3"], "event_timestamp": [at("11:00")] * 3}
    assert asked(store, entities, "pair:g") == [100, 200, None]


def test_without_a_time_to_live_nothing_is_too_old(store: FeatureStore) -> None:
    later = datetime(2036, 1, 1, tzinfo=UTC)
    assert asked(store, {"sensor": ["C", "D"], "event_timestamp": [later, later]}, "ever:f") == [7, None]


@pytest.mark.parametrize("zone", [None, "America/New_York", "Asia/Kathmandu"], ids=["naive_is_utc", "behind", "ahead"])
def test_the_time_zone_of_the_question_does_not_matter(store: FeatureStore, zone: str | None) -> None:
    moments = pd.Series(pd.to_datetime([at("10:00"), at("09:59")])).dt.tz_convert(zone)
    assert asked(store, {"sensor": ["B", "B"], "event_timestamp": moments}, "fresh:f") == [5, None]


def test_columns_of_the_source_may_be_called_otherwise(store: FeatureStore) -> None:
    assert asked(store, {"sensor": ["A"], "event_timestamp": [at("11:00")]}, "mapped:f") == [11]


def test_full_names_tell_views_apart_and_other_columns_come_through(store: FeatureStore) -> None:
    frame = pd.DataFrame(
        {"sensor": ["A", "C"], "event_timestamp": [at("10:30")] * 2, "grade": np.array([3, 1], "int8")}
    )
    job = store.get_historical_features(
        entity_df=frame, features=["fresh:f", "ever:f", "fresh:label"], full_feature_names=True
    )
    found = job.to_df()
    assert list(found.columns) == ["sensor", "event_timestamp", "grade", "fresh__f", "fresh__label", "ever__f"]
    assert found["grade"].tolist() == [3, 1]
    assert found["grade"].dtype == np.int8
    assert found["fresh__label"].tolist() == ["first", None]
    assert found["ever__f"].tolist() == [1, 7]


def test_questions_may_come_as_sql_and_answers_go_to_spark(opened: FeatureStore) -> None:
    sql = "SELECT 'A' AS sensor, timestamp'2026-01-01 10:30:00' AS event_timestamp"
    job = opened.get_historical_features(entity_df=sql, features=["fresh:f"])
    assert [row.f for row in job.to_spark_df().collect()] == [1.0]


def test_no_questions_no_answers_but_a_word_about_it(opened: FeatureStore) -> None:
    none = pd.DataFrame({"sensor": pd.Series([], dtype=str), "event_timestamp": pd.to_datetime([], utc=True)})
    with pytest.raises(DefinitionError, match="has no value in any of 0 rows"):
        opened.get_historical_features(entity_df=none, features=["fresh:f"])


def test_a_missing_key_column_is_named(opened: FeatureStore) -> None:
    frame = pd.DataFrame({"a": [1], "event_timestamp": [at("11:00")]})
    with pytest.raises(DefinitionError, match=r"no column for the join keys \['b'\]"):
        opened.get_historical_features(entity_df=frame, features=["pair:g"]).to_df()


def test_a_view_that_was_never_published_says_so(store: FeatureStore) -> None:
    with pytest.raises(Unavailable, match="view empty: no published rows below"):
        asked(store, {"sensor": ["A"], "event_timestamp": [at("11:00")]}, "empty:f")


events = st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 6)), max_size=20)


@given(known=events, questions=events)
def test_the_running_maximum_finds_what_a_search_finds(
    known: list[tuple[int, int]], questions: list[tuple[int, int]]
) -> None:
    def column(pairs: list[tuple[int, int]], part: int) -> np.ndarray[Any, Any]:
        return np.array([p[part] for p in pairs], dtype=np.int64)

    order = np.arange(len(known))
    found = last_known(column(known, 0), column(known, 1), order, column(questions, 0), column(questions, 1))
    for (code, time), answer in zip(questions, found, strict=True):
        candidates = [(t, i) for i, (c, t) in enumerate(known) if c == code != NOTHING and t <= time]
        assert answer == (max(candidates)[1] if candidates else NOTHING)


def test_relative_homes_are_where_the_process_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(home=Path("here"))
    assert configuration(settings, "x").registry.path == str(tmp_path / "here" / "feast" / "x.db")
