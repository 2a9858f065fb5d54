"""Published states are the formula's, whatever the order, the batches, the repetitions and the delays of events."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from feature_repo import states
from feature_repo.contributions import contributions
from feature_repo.definition import CounterView, FeatureSet, Lookup, Signal
from feature_repo.event_sources import sources
from validation.contract import Column, Table
from validation.errors import DefinitionError
from validation.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DAYS = (date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3))
START = datetime(2026, 3, 1, tzinfo=UTC)
TIMES = (Column("at", "timestamp", "when"), Column("got", "timestamp", "when we knew it"))
PLAYS = Table(
    "plays", "one song played", "us", ("play",), "at", "got",
    (
        Column("play", "string", "id"), Column("listener", "string", "who", nullable=True),
        Column("song", "string", "what"), Column("share", "float64", "how much was heard", nullable=True), *TIMES,
    ),
)  # fmt: skip
SONGS = Table(
    "songs", "one song", "us", ("song",), "at", "got",
    (Column("song", "string", "id"), Column("artist", "string", "whose"), *TIMES), versioned=True,
)  # fmt: skip
TABLES = {"plays": PLAYS, "songs": SONGS}
LISTENER = CounterView("listener", ("listener",), {"played": ("1h", "30d"), "heard": ("1d",)}, "a listener")
TASTE = CounterView("taste", ("listener", "artist"), {"heard": ("1h", "7d")}, "a listener's taste")
RADIO = FeatureSet(
    "radio", 1, "us", {"listener": "who", "artist": "whose"},
    (Lookup("songs", "song", {"artist": "upper(artist)"}),),
    (Signal("played", "plays", "a play"), Signal("heard", "plays", "a play heard", "share > 0.1", "share * 2")),
    (LISTENER, TASTE), (), (),
)  # fmt: skip

Rows = list[dict[str, Any]]
State = dict[tuple[Any, ...], list[float]]


def moment(hours: float) -> datetime:
    """So many hours after the first midnight, to the second."""
    return START + timedelta(seconds=round(hours * 3600))


def made_plays(count: int = 300) -> Rows:
    """Plays over three days: some late, some without a listener, one dated in the future, one without a share."""
    random = np.random.default_rng(3)
    rows = []
    for i in range(count):
        at = random.uniform(0, 70)
        late = random.choice([0.01, 0.5, 30.0], p=[0.7, 0.2, 0.1])
        share = [None, random.uniform(0, 1), float("nan")][random.choice(3, p=[0.1, 0.85, 0.05])]
        listener = None if i % 17 == 0 else f"listener {random.integers(5)}"
        rows.append(play(i, listener, f"song {random.integers(6)}", share, at, min(at + late, 71.9)))
    return [*rows, play(900, "listener 0", "song 0", 0.5, 5000.0, 20.0)]


def play(i: int, listener: str | None, song: str, share: float | None, *hours: float) -> dict[str, Any]:
    """One play, and the hours at which it happened and was received."""
    at, got = hours
    return {"play": f"p{i}", "listener": listener, "song": song, "share": share, "at": moment(at), "got": moment(got)}


def made_songs() -> Rows:
    """Six songs of three artists; song 5 is described a day late, song 4 twice with different artists."""
    rows = [{"song": f"song {i}", "artist": f"artist {i % 3}", "at": START, "got": START} for i in range(5)]
    rows.append({"song": "song 5", "artist": "artist 2", "at": START, "got": moment(30)})
    return [*rows, {"song": "song 4", "artist": "another", "at": moment(10), "got": moment(10)}]


def lake_of(root: Path, deliveries: list[Rows], songs: Rows | None = None) -> Lake:
    """A lake into which plays came in these files."""
    lake = Lake(root)
    for table, files in ((SONGS, [songs if songs is not None else made_songs()]), (PLAYS, deliveries)):
        for rows in files:
            for day in sorted({row["got"].date() for row in rows}):
                of_day = [row for row in rows if row["got"].date() == day]
                lake.append(f"tables/{table.name}", day, pa.Table.from_pylist(of_day, table.schema))
    return lake


def oracle(view: CounterView, plays: Rows, songs: Rows) -> State:
    """The formula, event by event."""
    first = {row["song"]: row for row in sorted(songs, key=lambda row: row["got"], reverse=True)}
    adds: dict[tuple[str, ...], list[tuple[float, float, dict[str, float]]]] = {}
    for row in plays:
        if row["song"] not in first or row["listener"] is None:
            continue
        known = max(row["got"], first[row["song"]]["got"]).timestamp()
        published = (known // 60 + 1) * 60
        entity = {"listener": row["listener"], "artist": first[row["song"]]["artist"].upper()}
        weights = {"played": 1.0}
        if row["share"] is not None and row["share"] > 0.1:
            weights["heard"] = 2 * row["share"]
        if weights.keys() & view.counts.keys():
            key = tuple(entity[k] for k in view.keys)
            adds.setdefault(key, []).append((published, min(row["at"].timestamp(), published), weights))
    found: State = {}
    signals = [signal for signal, labels in view.counts.items() for _ in labels]
    for key, events in adds.items():
        for now in {published for published, _, _ in events}:
            seen = [event for event in events if event[0] <= now]
            found[(*key, now)] = [
                sum(weights.get(signal, 0.0) * 2 ** (-(now - at) / half_life) for _, at, weights in seen)
                for signal, half_life in zip(signals, view.half_lives, strict=True)
            ]
    return found


def published(lake: Lake, view: CounterView) -> State:
    """What the lake holds as published; a row published twice fails."""
    rows = lake.read(f"states/{view.name}").to_pylist()
    found = state_of(rows, view)
    assert len(found) == len(rows)
    assert all(row["event_timestamp"] == row["published_at"] for row in rows)
    return found


def state_of(rows: Rows, view: CounterView) -> State:
    """Rows by entity and moment."""
    return {
        (*(row[key] for key in view.keys), row["published_at"].timestamp()): [row[name] for name in view.counters]
        for row in rows
    }


def assert_same(left: State, right: State) -> None:
    """Both publish the same rows, to 1e-6 of their values."""
    assert left.keys() == right.keys()
    for key, values in left.items():
        np.testing.assert_allclose(values, right[key], rtol=1e-6, atol=1e-30, err_msg=str(key))


def in_order(plays: Rows) -> list[Rows]:
    """As they happened."""
    return [plays]


def shuffled(plays: Rows) -> list[Rows]:
    """In any order."""
    return [[plays[i] for i in np.random.default_rng(1).permutation(len(plays))]]


def twice(plays: Rows) -> list[Rows]:
    """A third of them delivered again, some hours later."""
    again = [row | {"got": row["got"] + timedelta(hours=5)} for row in plays[::3]]
    return [plays, [row for row in again if row["got"] < moment(72)]]


def in_three_files(plays: Rows) -> list[Rows]:
    """Cut without regard to time."""
    return [plays[0::3], plays[1::3], plays[2::3]]


@pytest.mark.parametrize("delivery", [in_order, shuffled, twice, in_three_files], ids=lambda d: d.__name__)
def test_states_are_the_formula_however_events_arrive(
    delivery: Callable[[Rows], list[Rows]], spark: "SparkSession", tmp_path: Path
) -> None:
    plays = made_plays()
    lake = lake_of(tmp_path, delivery(plays))
    facts = states.publish(spark, lake, RADIO, TABLES, DAYS[0], DAYS[-1])
    for view in RADIO.counter_views:
        expected = oracle(view, plays, made_songs())
        assert_same(published(lake, view), expected)
        assert facts.rows[view.name] == len(expected)
        assert facts.entities[view.name] == len({key[:-1] for key in expected})
    assert lake.read("states/taste").schema.field("heard_1h").type == pa.float32()


def test_day_by_day_and_again_publishes_what_the_whole_range_does(spark: "SparkSession", tmp_path: Path) -> None:
    plays = made_plays()
    lake = lake_of(tmp_path, [plays])
    for day in (DAYS[0], DAYS[1], DAYS[1], DAYS[2], DAYS[1], DAYS[2]):
        states.publish(spark, lake, RADIO, TABLES, day, day)
    for view in RADIO.counter_views:
        assert_same(published(lake, view), oracle(view, plays, made_songs()))


def test_days_that_were_never_published_are_folded_first(spark: "SparkSession", tmp_path: Path) -> None:
    plays = made_plays()
    lake = lake_of(tmp_path, [plays])
    facts = states.publish(spark, lake, RADIO, TABLES, DAYS[2], DAYS[2])
    expected = oracle(LISTENER, plays, made_songs())
    assert_same(published(lake, LISTENER), expected)
    assert facts.rows["listener"] == sum(key[-1] >= moment(48).timestamp() for key in expected)


def test_states_counted_by_another_definition_are_not_carried_on(spark: "SparkSession", tmp_path: Path) -> None:
    plays = made_plays(60)
    lake = lake_of(tmp_path, [plays])
    states.publish(spark, lake, RADIO, TABLES, DAYS[0], DAYS[1])
    changed = replace(LISTENER, counts={"played": ("6h",), "heard": ("1d",)})
    states.publish(spark, lake, replace(RADIO, counter_views=(changed,)), TABLES, DAYS[2], DAYS[2])
    assert_same(published(lake, changed), oracle(changed, plays, made_songs()))


def test_a_day_published_again_loses_rows_that_are_no_longer_true(spark: "SparkSession", tmp_path: Path) -> None:
    lake = lake_of(
        tmp_path, [[play(1, "listener 0", "song 0", 1.0, 1, 2), play(2, "listener 0", "song 0", 1.0, 1, 26)]]
    )
    states.publish(spark, lake, RADIO, TABLES, DAYS[0], DAYS[1])
    lake.drop("tables/plays", DAYS[1])
    facts = states.publish(spark, lake, RADIO, TABLES, DAYS[1], DAYS[1])
    assert lake.days("states/listener") == [DAYS[0]]
    assert (facts.rows["listener"], facts.entities["listener"]) == (0, 1)


def test_nothing_to_count_publishes_nothing(spark: "SparkSession", tmp_path: Path) -> None:
    facts = states.publish(spark, Lake(tmp_path), RADIO, TABLES, DAYS[0], DAYS[1])
    assert (facts.events, facts.rows) == (0, {"listener": 0, "taste": 0})


@pytest.mark.parametrize("by_arrival", [True, False], ids=["batches in order", "batches in any order"])
def test_micro_batches_end_where_the_batch_does(by_arrival: bool, spark: "SparkSession", tmp_path: Path) -> None:
    plays = made_plays()
    lake = lake_of(tmp_path, [plays])
    every = contributions(spark, lake, RADIO, TABLES, DAYS[0], DAYS[-1]).persist()
    cuts = ("hour(published_at) < 8", "hour(published_at) >= 8")
    if by_arrival:
        cuts = ("published_at < '2026-03-02 11:30:00'", "published_at >= '2026-03-02 11:30:00'")
    known: DataFrame | None = None
    rows: Rows = []
    for cut in cuts:
        rows = states.fold(every.where(cut), known, TASTE).toArrow().to_pylist() if rows == [] else [
            *rows, *states.fold(every.where(cut), known, TASTE).toArrow().to_pylist()
        ]  # fmt: skip
        known = spark.createDataFrame(pa.Table.from_pylist(list(newest(rows, TASTE).values())))
    expected = oracle(TASTE, plays, made_songs())
    got = state_of(list(newest(rows, TASTE).values()), TASTE)
    lasts = {key[:-1]: key for key in sorted(expected)}
    assert_same(got, {key: expected[key] for key in lasts.values()})
    if by_arrival:
        assert_same(state_of(rows, TASTE), expected)
    every.unpersist()


def newest(rows: Rows, view: CounterView) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The newest row of each entity; of equal moments the one published last."""
    ordered = sorted(enumerate(rows), key=lambda row: (row[1]["published_at"], row[0]))
    return {tuple(row[key] for key in view.keys): row for _, row in ordered}


@pytest.mark.parametrize(("change", "said"), [
    ({"signals": (Signal("played", "spins", "in no table"),)}, "table `spins` is not defined"),
    ({"lookups": (Lookup("song", "song", {"artist": "artist"}),)}, "Did you mean `songs`"),
    ({"lookups": ()}, "counter view taste, events of signal heard: key `artist`"),
    ({"lookups": (Lookup("songs", "song", {"artist": "artist", "share": "1"}),)}, "other names"),
], ids=["no event table", "no lookup table", "no such key", "borrowed name taken"])  # fmt: skip
def test_features_that_do_not_fit_the_tables_are_refused(change: dict[str, Any], said: str) -> None:
    signals = RADIO.signals if "signals" not in change else (*change["signals"], RADIO.signals[1])
    with pytest.raises(DefinitionError, match=said):
        sources(replace(RADIO, **(change | {"signals": signals})), TABLES)
