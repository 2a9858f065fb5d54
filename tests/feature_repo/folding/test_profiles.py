"""Profiles: what was known of an entity at each moment, and nothing that was known already to be outdated."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from feature_repo.definition import FeatureSet, Lookup, ProfileView
from feature_repo.folding import changed_after_all, profiles
from infra.errors import DefinitionError
from infra.lake import Lake
from validation.contract import Column, Table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = date(2026, 3, 1)
START = datetime(2026, 3, 1, tzinfo=UTC)
SONGS = Table(
    "songs", "one song", "us", ("song",), "at", "got",
    (
        Column("song", "string", "id"), Column("artist", "string", "whose", nullable=True),
        Column("moods", "strings", "what it feels like"), Column("length", "int32", "how long", "s"),
        Column("at", "timestamp", "when"), Column("got", "timestamp", "when we knew it"),
    ), versioned=True,
)  # fmt: skip
FIELDS = {
    "artist": ("String", "upper(artist)"), "moods": ("Array(String)", "moods"),
    "minutes": ("Float32", "length / 60"), "since": ("Int64", "unix_seconds(at)"),
}  # fmt: skip
SONG = ProfileView("song", "songs", ("song",), FIELDS, "a song")
RADIO = FeatureSet("radio", 1, "us", {"song": "a song"}, (), (), (), (SONG,), ())


def hour(hours: float) -> datetime:
    """So many hours after midnight."""
    return START + timedelta(hours=hours)


def song(name: str, artist: str | None, at: float, got: float) -> dict[str, Any]:
    """One description of a song."""
    return {"song": name, "artist": artist, "moods": ["calm", "new"], "length": 90, "at": hour(at), "got": hour(got)}


def lake_of(root: Path, *rows: dict[str, Any]) -> Lake:
    """A lake that received these descriptions."""
    lake = Lake(root)
    for row in rows:
        lake.append("tables/songs", row["got"].date(), pa.Table.from_pylist([row], SONGS.schema))
    return lake


def artists(lake: Lake) -> list[tuple[str, str | None, datetime]]:
    """Who was said to be whose, and since when we knew it."""
    rows = lake.read("profiles/song").to_pylist()
    assert all(row["created"] == row["event_timestamp"] for row in rows)
    return sorted((row["song"], row["artist"], row["event_timestamp"]) for row in rows)


def test_a_profile_is_known_from_its_receipt(spark: "SparkSession", tmp_path: Path) -> None:
    lake = lake_of(tmp_path, song("a", "mia", 1, 5), song("a", "zoe", 6, 30), song("b", None, 2, 3))
    rows = profiles.publish_profiles(spark, lake, RADIO, {"songs": SONGS}, DAY, DAY + timedelta(days=1))
    assert rows == {"song": 3}
    assert artists(lake) == [("a", "MIA", hour(5)), ("a", "ZOE", hour(30)), ("b", None, hour(3))]
    (first,) = lake.read("profiles/song", [DAY + timedelta(days=1)]).to_pylist()
    assert (first["moods"], first["minutes"], first["since"]) == (["calm", "new"], 1.5, int(hour(6).timestamp()))
    kinds = [lake.read("profiles/song").schema.field(name).type for name in ("minutes", "since")]
    assert kinds == [pa.float32(), pa.int64()]


def test_a_description_that_is_outdated_when_it_comes_changes_nothing(spark: "SparkSession", tmp_path: Path) -> None:
    together = (song("a", "old", 1, 10), song("a", "new", 2, 10))
    lake = lake_of(tmp_path, *together, song("a", "older", 0, 26), song("a", "newest", 20, 27))
    for day in (DAY, DAY + timedelta(days=1)):
        profiles.publish_profiles(spark, lake, RADIO, {"songs": SONGS}, day, day)
    assert artists(lake) == [("a", "NEW", hour(10)), ("a", "NEWEST", hour(27))]


def test_publishing_again_replaces(spark: "SparkSession", tmp_path: Path) -> None:
    lake = lake_of(tmp_path, song("a", "mia", 1, 5))
    for _ in range(2):
        profiles.publish_profiles(spark, lake, RADIO, {"songs": SONGS}, DAY, DAY)
    assert len(artists(lake)) == 1


def test_a_field_type_that_feast_does_not_know_is_refused() -> None:
    with pytest.raises(DefinitionError, match="Did you mean `Float32`"):
        profiles.spark_type("Array(Float23)")


def test_what_is_borrowed_and_changes_after_all_is_counted(spark: "SparkSession", tmp_path: Path) -> None:
    """A lookup keeps the first description: nobody declared that songs change hands."""
    rows = song("a", "ann", 0, 1), song("a", "bob", 2, 3), song("b", "ann", 0, 1), song("b", None, 4, 5)
    lake = lake_of(tmp_path, *rows)
    borrowing = replace(RADIO, lookups=(Lookup("songs", "song", {"whose": "upper(artist)", "length": "length"}),))
    assert changed_after_all(spark, lake, borrowing, {"songs": SONGS}) == {"songs.whose": 1}
