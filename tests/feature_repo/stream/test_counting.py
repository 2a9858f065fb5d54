"""The stream counts every event once, however it arrives, and meets the nightly fold without a gap or an overlap."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from radio import (
    DAYS,
    LISTENER,
    PLAYS,
    RADIO,
    TABLES,
    TASTE,
    Rows,
    assert_same,
    assert_same_when_faded,
    in_any_order,
    lake_of,
    lines,
    made_plays,
    made_songs,
    moment,
    newest,
    oracle,
    play,
)

from feature_repo.folding import published_states
from feature_repo.records import connect, redis_records
from feature_repo.records.layout import layouts
from feature_repo.stream.counting import Stream
from feature_repo.stream.intake import FileCounts, Intake, Landed
from feature_repo.stream.online import bring_online
from feature_repo.stream.rebase import rebase
from feature_repo.stream.spark_stream import small_session, streaming
from feature_repo.stream.stream_state import StreamState, micros, online_notes, stream_folder
from infra.clock import Clock
from infra.errors import Unavailable
from infra.lake import Lake
from infra.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LATER = moment(100)
VIEWS = {view.name: view for view in RADIO.counter_views}


@pytest.fixture(scope="session")
def small(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> "SparkSession":
    """A session with the stream's settings beside the one of all tests."""
    return small_session(Settings(home=tmp_path_factory.mktemp("small")))


class Radio:
    """A stream of the radio's plays: its state, its lake, and what lands."""

    def __init__(self, spark: "SparkSession", folder: Path, lake: Lake | None = None) -> None:
        self.spark, self.folder, self.lake = spark, folder, lake or Lake(folder / "lake")
        self.files = 0
        self.open()

    def open(self) -> None:
        """What a process does at its start."""
        self.state = StreamState(self.folder, "as RADIO says")
        stream = Stream(self.spark, RADIO, TABLES, self.state)
        self.intake = Intake(stream, self.state, self.lake, RADIO, TABLES)

    def land(self, now: datetime = LATER, name: str | None = None, **rows: Rows) -> FileCounts:
        """Take a file of each table; a table's file is named anew unless `name` says how."""
        self.files += 1
        files = [Landed(f"{t}/{name or self.files}.jsonl", lines(some)) for t, some in rows.items()]
        return self.intake.take_files(files, now)

    def rebase(self, now: datetime) -> Any:
        """Meet the lake as the process does."""
        base = rebase(self.state, self.lake, RADIO, now)
        self.intake.take_lake(now)
        return base

    def online(self, redis: redis_records.Redis, until: datetime = LATER) -> dict[str, dict[tuple[Any, ...], Any]]:
        """Bring all that is due online; what is there then, by view: entity and moment to counters."""
        bring_online(self.state, redis, layouts(RADIO), micros(until), LATER)
        packed = {name: redis_records.read_all_records(redis, layout) for name, layout in layouts(RADIO).items()}
        return {
            name: {(*key, at): values.tolist() for key, at, values in zip(part.keys, part.at, part.values, strict=True)}
            for name, part in packed.items()
        }


def assert_online(radio: Radio, redis: redis_records.Redis, plays: Rows) -> None:
    """What is online is what the formula says."""
    online = radio.online(redis)
    for name, view in VIEWS.items():
        assert_same(online[name], newest(oracle(view, plays, made_songs())))


def test_one_process_alone_runs_a_stream(settings: Settings, spark: "SparkSession") -> None:
    with streaming(settings, RADIO, TABLES, Clock()), pytest.raises(Unavailable, match="another process runs it"):
        streaming(settings, RADIO, TABLES, Clock()).__enter__()


def test_files_that_ingestion_is_at_are_taken_and_what_is_online_is_noted(
    settings: Settings, spark: "SparkSession"
) -> None:
    """Ingestion puts small files together before Spark has read them; the stream does not wait for the lake."""
    bundle = settings.landing / "plays" / "some.bundle"
    with streaming(settings, RADIO, TABLES, Clock()) as stream:
        bundle.mkdir()
        (bundle / "a.jsonl").write_bytes(lines([play(1, "listener 0", "song 0", 1.0, 1, 1)]))
        (settings.landing / "songs" / "s.jsonl").write_bytes(lines(made_songs()))
        stream.bring_online()
        assert (stream.progress.taken.accepted, stream.progress.written) == (1, 0)  # the song is Spark's to read
        stream.start(availableNow=True).awaitTermination()
        stream.bring_online()
        counted_in = len(RADIO.counter_views)
        assert (stream.progress.taken.accepted, stream.progress.written) == (1 + len(made_songs()), counted_in)
    [(until, done_at)] = online_notes(stream_folder(settings, RADIO.name))
    assert until == stream.progress.until < done_at


def test_records_wait_for_a_file_as_long_as_the_disk_says_that_it_has_waited(
    settings: Settings, spark: "SparkSession"
) -> None:
    """While events of another year are replayed, files are dated by the machine."""
    replayed = settings.model_copy(update={"replay_from": LATER})
    an_hour_on = Clock(datetime.now(UTC) + timedelta(hours=1))
    with streaming(replayed, RADIO, TABLES, an_hour_on) as stream:
        stream.bring_online()
        assert stream.progress.until is not None
        assert stream.now() - stream.progress.until < timedelta(minutes=30)
        (settings.landing / "plays" / "a.jsonl").write_bytes(b"")
        stream.bring_online()
        assert timedelta(minutes=59) < stream.now() - stream.progress.until < timedelta(minutes=90)


@pytest.fixture
def radio(small: "SparkSession", tmp_path: Path) -> Iterator[Radio]:
    world = Radio(small, tmp_path)
    yield world
    world.state.close()


@pytest.fixture
def redis(redis_url: str) -> redis_records.Redis:
    return connect(redis_url)


def by_receipt(plays: Rows) -> list[Rows]:
    """In two files, as they were received."""
    rows = sorted(plays, key=lambda row: row["got"])
    return [rows[:200], rows[200:]]


def shuffled(plays: Rows) -> list[Rows]:
    """In two files, without regard to time."""
    rows = in_any_order(plays)
    return [rows[:100], rows[100:]]


def repeated(plays: Rows) -> list[Rows]:
    """A third of them again in the same file, another third in the next one."""
    return [plays + plays[::3], plays[1::3]]


@pytest.mark.parametrize("delivery", [by_receipt, shuffled, repeated], ids=lambda d: d.__name__)
def test_online_is_the_formula_however_events_land(
    delivery: Callable[[Rows], list[Rows]], radio: Radio, redis: redis_records.Redis
) -> None:
    plays = made_plays()
    first, second = delivery(plays)
    taken = radio.land(plays=first) + radio.land(songs=made_songs(), plays=second)  # descriptions come last
    assert (taken.files, taken.accepted) == (3, len(plays) + len(made_songs()))
    assert taken.duplicate == len(first) + len(second) - len(plays)
    assert_online(radio, redis, plays)


def test_a_file_taken_again_and_a_stream_started_again_change_nothing(radio: Radio, redis: redis_records.Redis) -> None:
    plays = made_plays(120)
    radio.land(songs=made_songs(), plays=plays[:60], name="one")
    radio.state.close()
    radio.open()
    assert radio.land(plays=plays[:60], name="one") == FileCounts()
    radio.land(plays=plays[60:])
    assert_online(radio, redis, plays)


def test_which_plays_count_is_decided_by_when_they_were_known_and_not_by_when_they_landed(
    radio: Radio, redis: redis_records.Redis
) -> None:
    """A play that lands after a later one takes its place, and what that one had added is taken back."""
    plays = made_plays()
    radio.land(songs=made_songs())
    for some in (plays[200:], plays[100:200], plays[:100]):
        radio.land(plays=some)
    # a play that no longer counts leaves its moment behind
    assert_same_when_faded(radio.online(redis)["song"], VIEWS["song"], oracle(VIEWS["song"], plays, made_songs()))


def test_a_micro_batch_that_fails_leaves_nothing_behind(
    radio: Radio, redis: redis_records.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays = made_plays(60)
    monkeypatch.setattr(radio.state, "hold", _no_space)
    with pytest.raises(OSError, match="no space"):
        radio.land(songs=made_songs(), plays=plays)
    monkeypatch.undo()
    assert radio.state.names("file") == set()
    assert radio.land(songs=made_songs(), plays=plays).duplicate == 0
    assert_online(radio, redis, plays)


def _no_space(*_: Any) -> None:
    raise OSError("no space left on device")


def test_a_weight_beyond_32_bits_is_not_counted_and_the_event_is(radio: Radio, redis: redis_records.Redis) -> None:
    plays = made_plays(60)
    taken = radio.land(songs=made_songs(), plays=[*plays, play(901, "listener 0", "song 0", 1e300, 30, 30)])
    assert taken.quarantined == 0
    assert_online(radio, redis, [*plays, play(901, "listener 0", "song 0", None, 30, 30)])


def test_broken_rows_are_kept_out_and_the_rest_counts(radio: Radio, redis: redis_records.Redis) -> None:
    plays = made_plays(60)
    rows: Rows = [{**plays[0], "song": None}, {**plays[1], "play": 7}, *plays]
    taken = radio.land(songs=made_songs(), plays=rows)
    assert (taken.quarantined, dict(taken.reasons)) == (2, {"song.known": 1, "typed": 1})
    assert radio.intake.take_files([Landed("plays/torn.jsonl", b'{"play": "p')], LATER).quarantined == 1
    assert_online(radio, redis, plays)


def test_records_wait_for_their_moment_and_for_redis(radio: Radio, redis: redis_records.Redis) -> None:
    plays = [play(1, "listener 0", "song 0", 1.0, 1, 1), play(2, "listener 0", "song 0", 1.0, 2, 2)]
    radio.land(songs=made_songs(), plays=plays)
    assert radio.online(redis, moment(1))["taste"] == {}
    between = radio.online(redis, moment(1.5))["taste"]
    assert_same(between, oracle(TASTE, plays[:1], made_songs()))
    nowhere = connect("redis://127.0.0.1:1/0")
    with pytest.raises(Unavailable):
        radio.online(nowhere)
    assert_online(radio, redis, plays)


def test_a_snapshot_becomes_the_base_and_nothing_is_lost_or_counted_twice(
    radio: Radio, redis: redis_records.Redis, spark: "SparkSession"
) -> None:
    plays = sorted(made_plays(), key=lambda row: row["got"])
    early = [row for row in plays if row["got"] < moment(48)]
    radio.land(songs=made_songs(), plays=plays[: len(early) + 20])  # some of the third day is there already
    lake_of(radio.lake.root, [early])
    published_states.publish_states(spark, radio.lake, RADIO, TABLES, DAYS[0], DAYS[1])
    assert radio.rebase(moment(50)) is None  # its files still wait for ingestion
    radio.state.drop_files(radio.state.names("file"))
    assert radio.rebase(moment(50)) == DAYS[1]
    assert not [row for row in radio.state.states("taste", _keys(radio, "taste")) if row[1] < radio.state.base]
    radio.land(plays=plays[len(early) :])
    assert_online(radio, redis, plays)


def test_a_snapshot_that_lacks_what_was_ingested_since_is_no_base(radio: Radio, spark: "SparkSession") -> None:
    plays = made_plays(60)
    lake_of(radio.lake.root, [plays])
    published_states.publish_states(spark, radio.lake, RADIO, TABLES, DAYS[0], DAYS[1])
    late = play(950, "listener 1", "song 0", 1.0, 30, 31)
    radio.lake.append("tables/plays", DAYS[1], pa.Table.from_pylist([late], PLAYS.schema))
    assert radio.rebase(moment(50)) == DAYS[0]
    published_states.publish_states(spark, radio.lake, RADIO, TABLES, DAYS[1], DAYS[1])
    assert radio.rebase(moment(50)) == DAYS[1]
    assert radio.rebase(moment(50)) is None


def _keys(radio: Radio, view: str) -> list[str]:
    return [key for key, _ in radio.state.due(view, micros(LATER))]


def test_a_stream_that_begins_late_goes_on_from_the_lake(
    radio: Radio, redis: redis_records.Redis, spark: "SparkSession"
) -> None:
    plays = sorted(made_plays(), key=lambda row: row["got"])
    lake_of(radio.lake.root, [plays[:250]], [row for row in made_songs() if row["song"] != "song 3"])
    published_states.publish_states(spark, radio.lake, RADIO, TABLES, DAYS[0], DAYS[1])
    assert radio.rebase(moment(60)) == DAYS[1]
    found = radio.land(songs=made_songs()[3:4], plays=plays[240:])  # what waited for song 3 counts from now on
    assert found.duplicate == 10
    late = play(950, "listener 1", "song 0", 1.0, 30, 31)
    radio.lake.append("tables/plays", DAYS[1], pa.Table.from_pylist([late], PLAYS.schema))
    radio.rebase(moment(61))
    # what was known too late is published later than the formula says
    assert_same_when_faded(radio.online(redis)["listener"], LISTENER, oracle(LISTENER, [*plays, late], made_songs()))
