"""A definition that grows, in a home of any name: what was written before has null where it knew nothing yet."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from feature_repo.definition import FeatureSet, ProfileView
from feature_repo.folding import profiles
from feature_repo.folding.contributions import read_accepted_rows
from feature_repo.stores.asof_offline_store import AsofOfflineStoreConfig
from feature_repo.stores.store import open_store
from infra.errors import DefinitionError
from infra.lake import Lake
from infra.settings import Settings
from training.fitting import popular_lists
from validation.batches.intake import ingest
from validation.contract import Column, Table
from validation.definition import BatchLimits
from validation.files.delivered import delivered_from_jsonl

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = date(2026, 3, 1)
START = datetime(2026, 3, 1, tzinfo=UTC)
NEXT = timedelta(days=1)
SONGS = Table(
    "songs", "one song", "us", ("song",), "at", "got",
    (
        Column("song", "string", "id"), Column("length", "int32", "how long", "s"),
        Column("at", "timestamp", "when"), Column("got", "timestamp", "when we knew it"),
    ), limits=BatchLimits(fresh_within=timedelta(days=3650)), versioned=True,
)  # fmt: skip
LONGER = Column("length", "int64", "how long", "s")
MOOD = Column("mood", "string", "how it feels", nullable=True)
GROWN = replace(SONGS, columns=(SONGS.columns[0], LONGER, *SONGS.columns[2:], MOOD))
SONG = ProfileView("song", "songs", ("song",), {"seconds": ("Int64", "length")}, "a song")
MOODS = replace(SONG, fields={**SONG.fields, "mood": ("String", "mood")})


def features(view: ProfileView) -> FeatureSet:
    """A set that describes songs."""
    return FeatureSet("radio", 1, "us", {"song": "a song"}, (), (), (), (view,), ())


def take(lake: Lake, table: Table, name: str, day: int, **more: object) -> None:
    """One description, received on a day."""
    at = (START + day * NEXT).isoformat()
    row = json.dumps({"song": name, "length": 90, "at": at, "got": at, **more}).encode()
    ingest(lake, table, delivered_from_jsonl(table, row), START + 5 * NEXT, name, history=True)


def test_a_type_that_spark_does_not_take_for_the_stored_one_is_named(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    take(lake, GROWN, "b", 1, mood="calm", length=7)
    with pytest.raises(
        DefinitionError, match=r"table songs, .*: column `length` is stored there as int64 and is int32"
    ):
        read_accepted_rows(None, lake, SONGS, lake.days("tables/songs"))  # type: ignore[arg-type]


def test_a_stored_number_beyond_the_range_of_a_narrower_type_is_told_and_not_read_as_infinity(tmp_path: Path) -> None:
    wide, narrow = (
        replace(SONGS, columns=(SONGS.columns[0], Column("length", kind, "how long", "s"), *SONGS.columns[2:]))
        for kind in ("float64", "float32")
    )
    lake = Lake(tmp_path)
    take(lake, wide, "a", 0, length=90.5)
    assert lake.read("tables/songs", schema=narrow.schema)["length"].to_pylist() == [90.5]
    take(lake, wide, "b", 1, length=1e39)
    where = r"table songs, .*: column `length` is stored there as double and is float in the definition now: it holds a"
    with pytest.raises(DefinitionError, match=where):
        lake.read("tables/songs", schema=narrow.schema)
    with pytest.raises(DefinitionError, match=where):
        take(lake, narrow, "b", 1, length=1.0)


def test_a_column_and_a_field_more_and_a_wider_type_leave_older_days_readable(
    spark: "SparkSession", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path / "we[ir]d {home} #1 %20")
    lake = Lake(settings.lake)
    take(lake, SONGS, "a", 0)
    profiles.publish_profiles(spark, lake, features(SONG), {"songs": SONGS}, DAY, DAY)
    take(lake, GROWN, "b", 1, mood="calm", length=2**40)
    rows = lake.read("tables/songs", columns=["song", "mood", "length"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [("a", None, 90), ("b", "calm", 2**40)]
    assert lake.read("tables/songs", columns=["mood"], schema=GROWN.schema)["mood"].to_pylist() == [None, "calm"]
    of_all_days = read_accepted_rows(spark, lake, GROWN, lake.days("tables/songs")).toArrow()
    assert sorted(of_all_days["length"].to_pylist()) == [90, 2**40]
    store = open_store(settings, features(MOODS))
    asked = pd.DataFrame({"song": ["a", "b"], "event_timestamp": [START + 3 * NEXT] * 2})

    def answers() -> list[tuple[object, ...]]:
        frame = store.get_historical_features(asked, ["song:seconds", "song:mood"]).to_df()
        return [tuple(None if pd.isna(v) else v for v in row) for row in frame[["seconds", "mood"]].to_numpy().tolist()]

    assert answers() == [(90, None), (None, None)], "nothing is published that knows of moods"
    assert popular_lists.described(lake, "song", "song", ["mood"], START + 3 * NEXT)["mood"].isna().tolist() == [True]
    profiles.publish_profiles(spark, lake, features(MOODS), {"songs": GROWN}, DAY + NEXT, DAY + NEXT)
    for join in ("arrow", "spark"):
        monkeypatch.setattr(AsofOfflineStoreConfig, "in_process", lambda *_, how=join: how == "arrow")
        assert answers() == [(90, None), (2**40, "calm")]
    described = popular_lists.described(lake, "song", "song", ["mood"], START + 3 * NEXT)
    assert sorted(described["song"]) == ["a", "b"]
    assert described.set_index("song")["mood"].to_dict() == {"a": None, "b": "calm"}
