"""Whatever lands, the stream goes on: what cannot be taken is noted with its error, and the others count."""

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from radio import PLAYS, RADIO, TABLES, made_plays, made_songs, moment, play

from feature_repo.stream import intake as stream_intake
from feature_repo.stream.counting import Stream
from feature_repo.stream.intake import FileCounts, Intake, Landed
from feature_repo.stream.spark_stream import small_session, streaming
from feature_repo.stream.stream_state import StreamState
from infra.clock import Clock
from infra.lake import Lake
from infra.pseudonyms import Pseudonyms
from infra.removed_files import note_removed
from infra.settings import Settings
from tests.person_search import files_with
from validation.contract import Column

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LATER = moment(100)
POISON = {"plays/odd.jsonl": "OverflowError: date value out of range"}


def lines(rows: list[dict[str, Any]]) -> bytes:
    cells = [{name: value for name, value in row.items() if not pd.isna(value)} for row in rows]
    return b"".join(json.dumps(row, default=lambda at: at.isoformat()).encode() + b"\n" for row in cells)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StreamState]:
    stream_state = StreamState(tmp_path, "as RADIO says")
    yield stream_state
    stream_state.close()


@pytest.fixture
def intake(spark: "SparkSession", state: StreamState, tmp_path: Path) -> Intake:
    stream = Stream(small_session(Settings(home=tmp_path)), RADIO, TABLES, state)
    return Intake(stream, state, Lake(tmp_path / "lake"), RADIO, TABLES)


def test_the_stream_of_a_home_with_pseudonyms_counts_for_them(
    spark: "SparkSession", state: StreamState, tmp_path: Path
) -> None:
    tables = {**TABLES, "plays": replace(PLAYS, person="listener")}
    stream = Stream(small_session(Settings(home=tmp_path)), RADIO, tables, state)
    ids = Pseudonyms(b"k" * 32)
    intake = Intake(stream, state, Lake(tmp_path / "lake"), RADIO, tables, ids=ids)
    intake.take_files(
        [Landed("songs/all.jsonl", lines(made_songs())), Landed("plays/all.jsonl", lines(made_plays(60)))], LATER
    )
    assert files_with(tmp_path, ids("listener 0")), "states are kept"
    assert files_with(tmp_path, "listener 0", "listener 1") == []


def test_what_retention_removed_from_the_lake_is_not_looked_for(intake: Intake, tmp_path: Path) -> None:
    note_removed(Lake(tmp_path / "lake"), "plays", {"day=2026-05-03/part-gone.parquet": (5, 0)})
    assert intake.take_lake(LATER) == 0


def test_a_file_that_raises_is_noted_and_the_others_count(
    intake: Intake, state: StreamState, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays, check = made_plays(60), stream_intake.sort_out

    def raises(table: Any, delivered: Any, *more: Any) -> Any:
        if b"poison" in b"".join(delivered.raws(range(len(delivered)))):
            raise OverflowError("date value out of range")
        return check(table, delivered, *more)

    monkeypatch.setattr(stream_intake, "sort_out", raises)
    files = [Landed(f"plays/{i}.jsonl", b"\xef\xbb\xbf" + lines(plays[i::6])) for i in range(6)]
    odd = Landed("plays/odd.jsonl", lines([{**plays[0], "play": "poison"}]))
    songs = Landed("songs/all.jsonl.gz", gzip.compress(lines(made_songs())))
    taken = intake.take_files([*files[:3], odd, *files[3:], songs], LATER)
    assert (taken.files, taken.accepted) == (7, len(plays) + len(made_songs()))
    assert taken.failed == state.failed() == POISON
    assert intake.take_files([odd, songs], LATER) == FileCounts(), "neither is tried again"
    state.drop_files({"plays/odd.jsonl"})
    assert state.failed() == {}, "it has left the landing"


@pytest.mark.parametrize("number", ["1e39", "-3.5e38", "1e400"])
def test_a_number_beyond_32_bits_is_quarantined_and_the_rows_beside_it_count(
    number: str, spark: "SparkSession", state: StreamState, tmp_path: Path
) -> None:
    share = Column("share", "float32", "how much was heard", nullable=True)
    narrow = TABLES | {"plays": replace(PLAYS, columns=(*PLAYS.columns[:3], share, *PLAYS.columns[4:]))}
    stream = Stream(small_session(Settings(home=tmp_path)), RADIO, narrow, state)
    intake = Intake(stream, state, Lake(tmp_path / "lake"), RADIO, narrow)
    good, odd = (lines([play(i, "listener 0", "song 0", 0.5, 1, 1)]) for i in (1, 2))
    content = good + odd.replace(b"0.5", number.encode())
    taken = intake.take_files([Landed("songs/a.jsonl", lines(made_songs())), Landed("plays/a.jsonl", content)], LATER)
    assert (taken.accepted, taken.quarantined) == (len(made_songs()) + 1, 1)
    assert taken.reasons == {"typed": 1}


def test_no_odd_thing_in_the_landing_ends_a_stream(settings: Settings, spark: "SparkSession") -> None:
    """Links, pipes, folders of any shape, a home with brackets: what can be read is taken, wherever it lies."""
    odd = settings.model_copy(update={"home": settings.home / "x" / ".." / "a [b] {c}*", "max_file_bytes": 1_000})
    folder = odd.landing / "plays"
    for number, name in enumerate(["day=2026-05-01/p.jsonl", "x/y.ndjson", "a [1]%20:é\n.JSONL", "z.jsonl"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(lines([play(number, "listener 0", "song 0", 1.0, number, number)]))
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "folder.jsonl").mkdir()
    for name, target in {"up": folder.parent, "root": Path("/"), "gone.jsonl": Path("nowhere")}.items():
        (folder / name).symlink_to(target)
    (folder / "large.jsonl").write_bytes(b"\n" * 2_000)
    with streaming(odd, RADIO, TABLES, Clock()) as stream:
        stream.start(availableNow=True).awaitTermination()
        taken = stream.progress.taken
        assert (taken.files, taken.accepted) == (4, 4)
        assert list(stream.failed) == ["plays/large.jsonl"]
        assert "at most 1,000 are taken" in stream.failed["plays/large.jsonl"]
        stream.bring_online()
        assert stream.progress.taken == taken, "nothing of it is met again"
