"""Published states are the formula's, whatever the order, the batches, the repetitions and the delays of events."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from radio import (
    DAYS,
    LISTENER,
    RADIO,
    TABLES,
    TASTE,
    Rows,
    assert_same,
    in_any_order,
    lake_of,
    made_plays,
    made_songs,
    moment,
    newest,
    oracle,
    play,
    published,
    state_of,
)

from feature_repo.definition import CounterView, Lookup, Signal
from feature_repo.event_sources import sources
from feature_repo.folding import published_states
from feature_repo.folding.contributions import contributions
from infra.errors import DefinitionError
from infra.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def in_order(plays: Rows) -> list[Rows]:
    """As they happened."""
    return [plays]


def shuffled(plays: Rows) -> list[Rows]:
    """In any order."""
    return [in_any_order(plays)]


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
    facts = published_states.publish_states(spark, lake, RADIO, TABLES, DAYS[0], DAYS[-1])
    for view in RADIO.counter_views:
        expected = oracle(view, plays, made_songs())
        assert_same(published(lake, view), expected)
        assert facts.rows[view.name] == len(expected)
        assert facts.entities[view.name] == len({key[:-1] for key in expected})
    assert lake.read("states/taste").schema.field("heard_1h").type == pa.float32()


def test_a_weight_beyond_32_bits_is_not_counted_and_the_event_is(spark: "SparkSession", tmp_path: Path) -> None:
    plays = made_plays(60)
    lake = lake_of(tmp_path, [[*plays, play(901, "listener 0", "song 0", 1e300, 30, 30)]])
    published_states.publish_states(spark, lake, RADIO, TABLES, DAYS[0], DAYS[-1])
    without_weight = [*plays, play(901, "listener 0", "song 0", None, 30, 30)]
    for view in RADIO.counter_views:
        assert_same(published(lake, view), oracle(view, without_weight, made_songs()))


def test_day_by_day_and_again_publishes_what_the_whole_range_does(spark: "SparkSession", tmp_path: Path) -> None:
    plays = made_plays()
    lake = lake_of(tmp_path, [plays])
    for day in (DAYS[0], DAYS[1], DAYS[1], DAYS[2], DAYS[1], DAYS[2]):
        published_states.publish_states(spark, lake, RADIO, TABLES, day, day)
    for view in RADIO.counter_views:
        assert_same(published(lake, view), oracle(view, plays, made_songs()))


def test_days_that_were_never_published_are_folded_first(spark: "SparkSession", tmp_path: Path) -> None:
    plays = made_plays()
    lake = lake_of(tmp_path, [plays])
    facts = published_states.publish_states(spark, lake, RADIO, TABLES, DAYS[2], DAYS[2])
    expected = oracle(LISTENER, plays, made_songs())
    assert_same(published(lake, LISTENER), expected)
    assert facts.rows["listener"] == sum(key[-1] >= moment(48).timestamp() for key in expected)


def test_states_counted_by_another_definition_are_not_carried_on(spark: "SparkSession", tmp_path: Path) -> None:
    plays = made_plays(60)
    lake = lake_of(tmp_path, [plays])
    published_states.publish_states(spark, lake, RADIO, TABLES, DAYS[0], DAYS[1])
    changed = replace(LISTENER, counts={"played": ("6h",), "heard": ("1d",)})
    published_states.publish_states(spark, lake, replace(RADIO, counter_views=(changed,)), TABLES, DAYS[2], DAYS[2])
    assert_same(published(lake, changed), oracle(changed, plays, made_songs()))


def test_a_day_published_again_loses_rows_that_are_no_longer_true(spark: "SparkSession", tmp_path: Path) -> None:
    lake = lake_of(
        tmp_path, [[play(1, "listener 0", "song 0", 1.0, 1, 2), play(2, "listener 0", "song 0", 1.0, 1, 26)]]
    )
    published_states.publish_states(spark, lake, RADIO, TABLES, DAYS[0], DAYS[1])
    lake.drop("tables/plays", DAYS[1])
    facts = published_states.publish_states(spark, lake, RADIO, TABLES, DAYS[1], DAYS[1])
    assert lake.days("states/listener") == [DAYS[0]]
    assert (facts.rows["listener"], facts.entities["listener"]) == (0, 1)


def test_nothing_to_count_publishes_nothing(spark: "SparkSession", tmp_path: Path) -> None:
    facts = published_states.publish_states(spark, Lake(tmp_path), RADIO, TABLES, DAYS[0], DAYS[1])
    assert (facts.events, facts.rows) == (0, dict.fromkeys((view.name for view in RADIO.counter_views), 0))


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
        rows = published_states.fold(every.where(cut), known, TASTE).toArrow().to_pylist() if rows == [] else [
            *rows, *published_states.fold(every.where(cut), known, TASTE).toArrow().to_pylist()
        ]  # fmt: skip
        known = spark.createDataFrame(pa.Table.from_pylist(last_published(rows, TASTE)))
    expected = oracle(TASTE, plays, made_songs())
    got = state_of(last_published(rows, TASTE), TASTE)
    assert_same(got, newest(expected))
    if by_arrival:
        assert_same(state_of(rows, TASTE), expected)
    every.unpersist()


def last_published(rows: Rows, view: CounterView) -> Rows:
    """The newest row of each entity; of equal moments the one published last."""
    ordered = sorted(enumerate(rows), key=lambda row: (row[1]["published_at"], row[0]))
    return list({tuple(row[key] for key in view.keys): row for _, row in ordered}.values())


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


def test_what_nobody_has_ever_done_can_be_read_as_that(spark: "SparkSession", tmp_path: Path) -> None:
    """A platform's first day may have no block: what reads all views must not fail for that."""
    never = (*RADIO.signals, Signal("loved", "plays", "heard ninety-nine times over", "share = 99"))
    views = (LISTENER, CounterView("love", ("listener", "song"), {"loved": ("30d",)}, "a listener's love"))
    loveless = replace(RADIO, signals=never, counter_views=views, entities={**RADIO.entities, "song": "what"})
    lake = lake_of(tmp_path, [made_plays(40)])
    for day in (DAYS[0], DAYS[1], DAYS[1]):
        published_states.publish_states(spark, lake, loveless, TABLES, day, day)
    read = lake.read("states/love")
    assert (read.num_rows, set(read.column_names)) == (
        0,
        {"listener", "song", "event_timestamp", "published_at", "loved_30d"},
    )
