"""In a home with pseudonyms nothing that is kept names a person, however it came; and all still fits together."""

import csv
import gzip
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from infra.errors import DefinitionError
from infra.pseudonyms import choose_mode, pseudonyms, stored_id
from infra.settings import Settings
from orchestration.commands.cli import app
from orchestration.ingestion import ingest_days, ingest_path, sentences
from orchestration.mending import export_day, replay_day
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from tests.person_search import files_with
from validation.batches import balance
from validation.contract import Column, Table
from validation.files import columns_with_pseudonyms
from validation.systems.home_feed import ENGAGEMENTS

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
YESTERDAY = (NOW - timedelta(days=1)).date()
RAW = "planted-person-17"


@pytest.fixture
def at(tmp_path: Path) -> Installation:
    settings = Settings(home=tmp_path / "home", replay_from=NOW, pseudonyms=None)
    choose_mode(settings)
    return Installation(HOME_FEED, settings)


def event(number: int, **changed: object) -> dict[str, object]:
    row = {"event_id": f"e{number}", "user_id": RAW, "video_id": "v", "action": "like"}
    return row | {"event_time": f"{YESTERDAY}T10:00:00Z", "received_at": f"{YESTERDAY}T10:00:01Z"} | changed


def land(at: Installation, name: str, content: bytes) -> Path:
    path = at.settings.landing / "engagements" / f"{YESTERDAY}-{name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def lines(*rows: dict[str, object]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def cells(*rows: dict[str, object]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def columns(*rows: dict[str, object]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), sink)
    return sink.getvalue()


def ingested(at: Installation) -> list[str]:
    return sentences(at, ingest_days(at, ENGAGEMENTS, YESTERDAY, NOW.date()))


def kept_ids(at: Installation) -> set[str]:
    return set(at.lake.read("tables/engagements")["user_id"].to_pylist())


def test_every_format_every_refusal_and_nothing_names_the_person(at: Installation) -> None:
    land(at, "a.jsonl", lines(*(event(n) for n in range(40)), event(40, action="jump"), event(41, user=RAW)))
    land(at, "b.csv", cells(*(event(n) for n in range(100, 140)), event(140, action="jump")))
    land(at, "c.parquet", columns(*(event(n) for n in range(200, 240)), event(240, action="jump")))
    land(at, "d.jsonl.gz", gzip.compress(lines(*(event(n) for n in range(300, 340)), event(340, user_id=[RAW]))))
    land(at, "e.jsonl", b'{"user_id": "' + RAW.encode() + b'", broken\n')
    land(at, "f.parquet", b"PAR1" + RAW.encode())
    land(at, "g.jsonl.gz", gzip.compress(RAW.encode())[:-6] + RAW.encode())
    assert files_with(at.settings.home, RAW), "before it is taken in it waits at the door"
    said = "\n".join(ingested(at))
    assert files_with(at.settings.home, RAW) == []
    assert RAW not in said
    assert kept_ids(at) == {stored_id(at.settings, RAW)}
    counts = balance(at.lake, "engagements")
    assert (counts["accepted"], counts["in quarantine"], counts["off"]) == (160, 8, 0)


def test_in_a_home_without_pseudonyms_the_same_search_finds_the_person(at: Installation) -> None:
    plain = Installation(HOME_FEED, at.settings.model_copy(update={"home": at.settings.home / "plain"}))
    land(plain, "a.jsonl", lines(*(event(n) for n in range(40)), event(40, action="jump")))
    ingested(plain)
    places = {path.split("/")[3] for path in files_with(plain.settings.home, RAW)}
    assert places == {"tables", "quarantine", "done"}


def test_repeats_corrections_and_deliveries_in_another_format_still_meet(at: Installation) -> None:
    land(at, "a.jsonl", lines(*(event(n) for n in range(40))))
    ingested(at)
    land(at, "b.csv", cells(*(event(n) for n in range(40))))
    land(at, "again.jsonl", lines(*(event(n) for n in range(40))))
    kept = at.lake.read("tables/engagements").slice(0, 10)
    land(at, "kept.parquet", columns(*kept.to_pylist()))
    ingested(at)
    counts = balance(at.lake, "engagements")
    assert (counts["accepted"], counts["off"]) == (40, 0)
    assert kept_ids(at) == {stored_id(at.settings, RAW)}, "what is a pseudonym already is not hashed again"


def test_a_mended_row_may_name_the_person(at: Installation, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(lines(*(event(n) for n in range(40)), event(40, action="jump"), event(41, user_id=7)))
    ingest_path(at, path, "engagements", lambda _: None)
    mend = tmp_path / "mend.jsonl"
    assert export_day(at, NOW.date(), None, mend) == 2
    rows = [json.loads(line) for line in mend.read_bytes().splitlines()]
    assert RAW not in mend.read_text()
    mend.write_bytes(lines(*(row | {"mended": event(40 + n)} for n, row in enumerate(rows))))
    replay_day(at, NOW.date(), mend, None, lambda _: None)
    assert at.lake.read("tables/engagements").num_rows == 42
    assert kept_ids(at) == {stored_id(at.settings, RAW)}
    assert files_with(at.settings.home, RAW) == []


def test_a_file_that_cannot_be_taken_waits_with_its_error(at: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(*_: object) -> None:
        raise OverflowError("nobody thought of it")

    monkeypatch.setattr("orchestration.sources.landing.delivered_from_file", raises)
    land(at, "a.jsonl", lines(event(1)))
    ingested(at)
    assert files_with(at.settings.home, RAW) == [f"systems/home_feed/landing/failed/engagements/{YESTERDAY}-a.jsonl"]


def test_a_mapping_is_written_with_pseudonyms(at: Installation) -> None:
    rows = pa.table({"event_id": ["e"], "user_id": [RAW]})
    written = columns_with_pseudonyms(ENGAGEMENTS, rows, pseudonyms(at.settings))
    assert written.to_pylist() == [{"event_id": "e", "user_id": stored_id(at.settings, RAW)}]


def test_whole_numbers_stay_whole_numbers(at: Installation) -> None:
    columns = (Column("call", "int64", "id"), Column("caller", "int64", "who called", nullable=True),
               Column("at", "timestamp", "when"), Column("known", "timestamp", "when we knew"))  # fmt: skip
    calls = Table("calls", "one call", "tests", ("call",), "at", "known", columns, person="caller")
    ids = pseudonyms(at.settings)
    assert ids is not None
    rows = pa.table({"call": [1, 2, 3], "caller": pa.array([17, None, 17], pa.int64())})
    assert columns_with_pseudonyms(calls, rows, ids)["caller"].to_pylist() == [ids(17), None, ids(17)]
    for wrong in ({"dtype": "int32"}, {"low": 0}, {"dtype": "string", "one_of": ("a",)}):
        changed = replace(columns[1], **wrong)  # type: ignore[arg-type]
        with pytest.raises(DefinitionError, match=r"`caller` says who .* a string or an int64 without"):
            replace(calls, columns=(columns[0], changed, *columns[2:]))


def test_the_first_command_makes_a_home_with_pseudonyms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLYWHEEL_PSEUDONYMS")
    monkeypatch.setenv("FLYWHEEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLYWHEEL_REPLAY_FROM", NOW.isoformat())
    path = tmp_path / "events.jsonl"
    path.write_bytes(lines(*(event(n) for n in range(40))))
    done = CliRunner().invoke(app, ["ingest", str(path), "--table", "engagements"], catch_exceptions=False)
    assert done.exit_code == 0
    assert files_with(tmp_path / "home", RAW) == []
