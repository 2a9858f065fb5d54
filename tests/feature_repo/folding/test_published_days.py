"""A past day that changes: it and the days after it are told and made again, those before it are not touched."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from radio import PLAYS, RADIO, SONGS, START, TABLES, Rows, lake_of, moment, play

from feature_repo.folding import PublishedDays, Snapshots, closed_days
from feature_repo.folding.published_states import publish_states
from infra import failpoint
from infra.errors import Unavailable
from infra.lake import Lake, days_from

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WEEK = days_from(START.date(), START.date() + timedelta(days=6))
LATE = [play(900 + i, f"listener {i % 3}", "song 0", 0.5, 50 + i, 50 + i) for i in range(4)]
"""Plays of the third day that are found later."""


def plays() -> Rows:
    """A week of plays, some every few hours."""
    return [play(i, f"listener {i % 4}", f"song {i % 5}", 0.3 + i % 7 / 10, i * 3.3, i * 3.3 + 0.1) for i in range(50)]


def add(lake: Lake, rows: Rows) -> None:
    """Rows of one day that come in by themselves."""
    lake.append("tables/plays", rows[0]["got"].date(), pa.Table.from_pylist(rows, PLAYS.schema))


def publish(spark: "SparkSession", lake: Lake, first: date, last: date, as_of: datetime | None = None) -> list[date]:
    return list(publish_states(spark, lake, RADIO, TABLES, first, last, as_of).written)


def stale(lake: Lake) -> list[date]:
    snapshots = Snapshots(lake, RADIO)
    return snapshots.published.stale(snapshots.parts())


def content(lake: Lake) -> dict[str, list[tuple[object, ...]]]:
    """Every state of every view, to the last bit, whatever files they are in."""
    return {view.name: sorted(tuple(row.values()) for row in lake.read(f"states/{view.name}").to_pylist())
            for view in RADIO.counter_views}  # fmt: skip


def files(lake: Lake, days: list[date]) -> dict[str, bytes]:
    """The files of these days' states."""
    paths = [path for view in RADIO.counter_views for path in lake.files(f"states/{view.name}", days)]
    return {str(path.relative_to(lake.root)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def week(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake of a week that was published in three runs."""
    lake = lake_of(tmp_path_factory.mktemp("week"), [plays()])
    for first, last in ((0, 3), (4, 5), (6, 6)):
        publish(spark, lake, WEEK[first], WEEK[last])
    assert stale(lake) == []
    return lake.root


@pytest.fixture(scope="module")
def fresh(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[object, ...]]]:
    """The states of the same week and the late plays, published in one run."""
    lake = lake_of(tmp_path_factory.mktemp("fresh"), [plays(), LATE])
    publish(spark, lake, WEEK[0], WEEK[-1])
    return content(lake)


@pytest.fixture
def lake(week: Path, tmp_path: Path) -> Lake:
    """A copy of the published week."""
    return Lake(copytree(week, tmp_path / "lake"))


@pytest.mark.parametrize("run", [WEEK[2], WEEK[6]], ids=["a run of that day", "the next daily run"])
def test_of_a_week_whose_third_day_changes_two_days_stay_and_five_are_as_a_fresh_run_makes_them(
    run: date, lake: Lake, fresh: object, spark: "SparkSession"
) -> None:
    add(lake, LATE)
    assert stale(lake) == WEEK[2:], "the days that lack it are told"
    before = files(lake, WEEK[:2])
    assert publish(spark, lake, run, run) == WEEK[2:]
    assert files(lake, WEEK[:2]) == before, "byte for byte"
    assert stale(lake) == []
    assert content(lake) == fresh


def watched(lake: Lake, spark: "SparkSession", wanted: tuple[str, ...]) -> Iterator[tuple[str, Lake]]:
    """A backfill; and what it leaves that is killed at each of these places."""
    copies: dict[str, Path] = {}

    def watch(name: str) -> None:
        place = f"{name} {sum(each.startswith(name) for each in copies)}"
        copies[place] = copytree(lake.root, lake.root.with_name(f"killed at {place}"))

    failpoint.watching = watch
    try:
        publish(spark, lake, WEEK[2], WEEK[2])
    finally:
        failpoint.watching = None
    assert {name.split()[0] for name in copies} == {"whole.drafted", "lake.switched", "lake.swept", "lake.drafted"}
    yield from ((place, Lake(root)) for place, root in copies.items() if place in wanted)


def test_a_backfill_that_is_killed_and_done_again_ends_the_same(
    lake: Lake, fresh: object, spark: "SparkSession"
) -> None:
    add(lake, LATE)
    for place, killed in watched(lake, spark, ("whole.drafted 1", "lake.switched 2")):
        assert stale(killed) == WEEK[2:], place
        publish(spark, killed, WEEK[2], WEEK[2])
        assert content(killed) == fresh, place
        assert stale(killed) == [], place
    publish(spark, lake, WEEK[2], WEEK[2])
    assert content(lake) == fresh, "run twice"


def test_what_comes_in_beside_a_backfill_is_in_it_or_leaves_its_days_stale(
    lake: Lake, fresh: object, spark: "SparkSession"
) -> None:
    add(lake, LATE[:2])
    came: list[str] = []

    def meanwhile(name: str) -> None:
        if name == "lake.switched" and not came:
            came.append(name)
            add(lake, LATE[2:])

    failpoint.watching = meanwhile
    try:
        publish(spark, lake, WEEK[2], WEEK[2])
    finally:
        failpoint.watching = None
    assert stale(lake) == WEEK[2:]
    publish(spark, lake, WEEK[6], WEEK[6])
    assert content(lake) == fresh


def test_a_day_before_all_published_ones_is_published_with_those_after_it(
    tmp_path: Path, spark: "SparkSession"
) -> None:
    later = [row for row in plays() if row["got"] >= moment(48)]
    lake = lake_of(tmp_path, [later])
    publish(spark, lake, WEEK[3], WEEK[4])
    add(lake, [row for row in plays() if row["got"] < moment(24)])
    assert stale(lake) == WEEK[2:5]
    assert publish(spark, lake, WEEK[4], WEEK[4]) == WEEK[:5]
    assert stale(lake) == []


def test_a_description_makes_its_day_and_later_ones_stale(lake: Lake) -> None:
    song = {"song": "song 9", "artist": "artist 9", "at": moment(100), "got": moment(100)}
    lake.append("tables/songs", WEEK[4], pa.Table.from_pylist([song], SONGS.schema))
    assert stale(lake) == WEEK[4:]


def test_another_definition_makes_every_day_stale(lake: Lake) -> None:
    other = PublishedDays(lake, "states", counted="otherwise")
    assert other.stale(Snapshots(lake, RADIO).parts()) == WEEK


def test_a_day_is_closed_once_it_was_published_after_its_end(spark: "SparkSession", tmp_path: Path) -> None:
    lake = lake_of(tmp_path, [plays()[:9]])
    noon = datetime.combine(WEEK[1], time(12), START.tzinfo)
    publish(spark, lake, WEEK[0], WEEK[1], as_of=noon)
    assert closed_days(lake) == {WEEK[0]}
    publish(spark, lake, WEEK[1], WEEK[1], as_of=noon + timedelta(hours=12))
    assert closed_days(lake) == set(WEEK[:2])


def test_a_record_that_cannot_be_read_is_named_with_the_next_step(lake: Lake) -> None:
    (lake.root / "published" / "states.json").write_text("{")
    with pytest.raises(Unavailable, match=r"states.json: which days were published .*flywheel run features --day"):
        stale(lake)


def test_snapshots_of_past_weeks_stay_to_go_on_from(lake: Lake, spark: "SparkSession") -> None:
    days = days_from(WEEK[0], WEEK[0] + timedelta(days=40))
    snapshots = Snapshots(lake, RADIO)
    parts = snapshots.parts()
    for day in days:
        snapshots.complete([day], parts)
    assert [day for day in lake.days("snapshots/complete") if day < days[-3]] == [
        day for day in days[:-3] if day.weekday() == 0
    ][-4:]
