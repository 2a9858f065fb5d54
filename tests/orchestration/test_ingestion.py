"""A run of ingestion: what it takes, what it sets aside, what it says, and what its exit code tells."""

import gzip
import json
import os
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.errors import DefinitionError
from infra.settings import Settings
from orchestration import ingestion, runs
from orchestration.commands.cli import app
from orchestration.partitions import RANGE_END, RANGE_START
from orchestration.pipeline import pipeline
from orchestration.sources import landing
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from validation.batches import ledger
from validation.systems.home_feed import ENGAGEMENTS, VIDEOS

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAYS = {RANGE_START: "2026-05-03", RANGE_END: "2026-05-04"}
DAY = "2026-05-03T10:00:00Z"


@pytest.fixture
def at(tmp_path: Path) -> Installation:
    return Installation(HOME_FEED, Settings(home=tmp_path / "home", replay_from=NOW))


def event(number: int, **changed: object) -> dict[str, object]:
    row = {"event_id": f"e{number}", "user_id": "u", "video_id": "v0", "action": "like", "event_time": DAY}
    return row | changed


def video(number: int, **changed: object) -> dict[str, object]:
    at = "2026-05-01T00:00:00Z"
    row = {
        "video_id": f"v{number}",
        "creator_id": "c",
        "category": "k",
        "language": "de",
        "regions": [],
        "status": "live",
    }
    return row | {"duration_s": 9.5, "age_rating": "0", "uploaded_at": at, "event_time": at} | changed


def put(path: Path, *rows: dict[str, object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    return path


def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a file whose name says so raises what nobody thought of."""
    read = landing.delivered_from_file

    def raises(table, name, *arguments):
        if "poison" in name:
            raise OverflowError("date value out of range")
        return read(table, name, *arguments)

    monkeypatch.setattr(landing, "delivered_from_file", raises)


def flywheel(at: Installation, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str]:
    """The exit code of a command, and what it says."""
    monkeypatch.setenv("FLYWHEEL_HOME", str(at.settings.home))
    monkeypatch.setenv("FLYWHEEL_REPLAY_FROM", NOW.isoformat())
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    return done.exit_code, done.output


def test_a_delivery_that_raises_is_set_aside_with_its_error_and_does_not_stop_those_behind_it(at, monkeypatch):
    poisoned(monkeypatch)
    put(at.settings.landing / "engagements" / "day=2026-05-03" / "a-poison.jsonl", event(1))
    put(at.settings.landing / "engagements" / "day=2026-05-03" / "b.jsonl", event(2))
    put(at.settings.landing / "videos" / "poison.jsonl", video(0))
    os.mkfifo(at.settings.landing / "engagements" / "pipe.jsonl")
    result = pipeline(at).resolve_job_def("ingest").execute_in_process(tags=DAYS)
    assert (result.success, runs.sound(result)) == (True, False), "the run goes on, and says that something is lost"
    checks = {(c.asset_key.to_user_string(), c.check_name): c for c in result.get_asset_check_evaluations()}
    check = checks["engagements", "expectations"]
    assert (check.passed, check.severity.value, check.metadata["set aside"].value) == (False, "WARN", 1)
    assert "OverflowError: date value out of range" in str(check.metadata["not taken"].value)
    assert "it is a pipe" in str(check.metadata["not taken"].value)
    assert checks["users", "expectations"].passed
    assert at.lake.read("tables/engagements")["event_id"].to_pylist() == ["e2"]
    failed = at.settings.landing / "failed" / "engagements" / "day=2026-05-03"
    assert sorted(path.name for path in failed.iterdir()) == ["a-poison.jsonl", "a-poison.jsonl.error.txt"]
    error = (failed / "a-poison.jsonl.error.txt").read_text()
    assert "OverflowError: date value out of range" in error
    assert "Traceback" in error
    alerts = [json.loads(line) for line in (at.settings.home / "alerts.jsonl").read_text().splitlines()]
    assert [alert["table"] for alert in alerts] == ["videos", "engagements"]
    monkeypatch.undo()
    words = re.search(r"flywheel (ingest .*)", error)[1].split()  # what the error says to do once it is mended
    assert flywheel(at, monkeypatch, *words)[0] == 0
    assert ledger.balance(at.lake, "engagements")["accepted"] == 2


def test_a_full_disk_is_no_delivery_s_fault(at, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    path = put(at.settings.landing / "engagements" / "a.jsonl", event(1))
    monkeypatch.setattr(landing, "ingest", full)
    with pytest.raises(OSError, match="No space"):
        ingestion.ingest_days(at, ENGAGEMENTS, NOW.date(), NOW.date())
    assert path.exists(), "it waits for the next run"


def test_files_of_a_path_stay_where_they_are_and_the_exit_code_tells_of_one_that_raises(at, tmp_path, monkeypatch):
    poisoned(monkeypatch)
    put(tmp_path / "in" / "engagements" / "poison [red].jsonl", event(1))
    put(tmp_path / "in" / "engagements" / "sound.jsonl", event(2))
    code, output = flywheel(at, monkeypatch, "ingest", str(tmp_path / "in"))
    assert code == 1
    assert re.search(r"FAILED: .*/poison \[red\]\.jsonl: OverflowError: date value out of range", output)
    assert len(list((tmp_path / "in" / "engagements").iterdir())) == 2
    assert at.lake.read("tables/engagements")["event_id"].to_pylist() == ["e2"]


def test_every_file_that_is_not_taken_is_named_and_nothing_taken_is_no_success(at, tmp_path, monkeypatch):
    put(tmp_path / "in" / "notes.xlsx")
    with pytest.raises(DefinitionError, match=r"nothing to ingest in .*\n  .*/notes.xlsx: only .jsonl"):
        flywheel(at, monkeypatch, "ingest", str(tmp_path / "in"))
    put(tmp_path / "in" / "engagements" / "a.csv.gz").write_bytes(
        gzip.compress(b"event_id,user_id,video_id,action,event_time\ne1,u,v,like,2026-05-03T10:00:00Z\n")
    )
    code, output = flywheel(at, monkeypatch, "ingest", str(tmp_path / "in"))
    assert (code, "notes.xlsx: only .jsonl" in output) == (0, True), "told, and nobody's fault"
    os.symlink("a.csv.gz", tmp_path / "in" / "engagements" / "b.csv.gz")
    code, output = flywheel(at, monkeypatch, "ingest", str(tmp_path / "in"))
    assert (code, "b.csv.gz: it is a symbolic link" in output) == (1, True)


def test_a_refused_batch_says_which_limit_which_rows_and_a_next_command_that_works(at, tmp_path, monkeypatch):
    rows = [video(i, **({"status": "gone"} if i < 6 else {"category": 3} if i < 8 else {})) for i in range(40)]
    code, output = flywheel(at, monkeypatch, "ingest", str(put(tmp_path / "videos.jsonl", *rows)))
    assert code == 1
    assert "videos.jsonl, videos, batch" in output
    assert "limit max_quarantined: 20.0% (asked: at most 5.0% of rows quarantined)" in output
    assert re.search(
        r"6 rows \(15.0%\) break status.one_of, such as row 0: .*it is 'gone'\n +{\"video_id\": \"v0\"", output
    )
    assert re.search(r"2 rows \(5.0%\) break typed, such as row 6: `category` is 3", output)
    events = [event(i, video_id="v3" if i < 5 else "v39") for i in range(40)]
    code, again = flywheel(at, monkeypatch, "ingest", str(put(tmp_path / "engagements.jsonl", *events)))
    assert (code, "100.0% of engagements name a `video_id` that waits in quarantine of videos" in again) == (0, True)
    monkeypatch.chdir(tmp_path)
    export, replay = (command.split()[1:] for command in re.findall(r"^ +(flywheel ingest .*)$", output, re.MULTILINE))
    assert export == re.search(r"^ +flywheel (.*)$", again, re.MULTILINE)[1].split()
    assert flywheel(at, monkeypatch, *export)[0] == 0
    sheet = tmp_path / export[-1]
    exported = [json.loads(line) for line in sheet.read_text().splitlines()]
    code, still = flywheel(at, monkeypatch, *export[:5])
    assert "videos: 8 of 40 rows stay in quarantine\n  6 rows break status.one_of" in still
    exported = [line for line in exported if line["row"] < 8]
    mended = [line | {"mended": json.loads(line["raw"]) | {"status": "live", "category": "k"}} for line in exported]
    put(sheet, *mended)
    assert flywheel(at, monkeypatch, *replay)[0] == 0
    assert ledger.balance(at.lake, "videos") == {
        "accepted": 40, "in tables": 40, "waiting": 0, "in quarantine": 0, "off": 0
    }  # fmt: skip


def test_a_catalogue_that_never_knows_a_length_is_taken_with_a_warning(at, tmp_path, monkeypatch):
    path = put(tmp_path / "videos.jsonl", *(video(i, duration_s=None) for i in range(40)))
    code, output = flywheel(at, monkeypatch, "ingest", str(path))
    assert code == 0
    assert "warning, duration_s.warn_null: 100.0% (asked: at most 70.0% of `duration_s` null)" in output
    assert ledger.balance(at.lake, "videos")["accepted"] == 40


def test_other_columns_keep_the_limit_of_their_table(at, tmp_path, monkeypatch):
    path = put(tmp_path / "videos.jsonl", *(video(i, age_rating=None) for i in range(40)))
    code, output = flywheel(at, monkeypatch, "ingest", str(path))
    assert (code, "limit age_rating.max_null: 100.0%" in output) == (1, True)
    [command] = re.findall(r"^ +flywheel (ingest .*)$", output, re.MULTILINE)
    assert flywheel(at, monkeypatch, *command.split())[0] == 0
    assert ledger.balance(at.lake, VIDEOS.name)["accepted"] == 40


@pytest.mark.parametrize(
    "name",
    ["2026-05-05.jsonl", "2030-01-01.jsonl", "day=2026-05-05/part.jsonl", "export.jsonl", "2026-99-99.jsonl"],
)
def test_a_file_of_a_day_to_come_is_taken_with_today_s(name, at):
    put(at.settings.landing / "engagements" / name, event(1))
    ingested = ingestion.ingest_days(at, ENGAGEMENTS, NOW.date(), NOW.date())
    assert [line.accepted for line in ingested.lines] == [1]


@pytest.mark.parametrize("name", ["day=2026-05-01/part.jsonl", "2026/05/01/x.jsonl", "year=2026/month=5/day=1/x.jsonl"])
def test_the_day_of_a_file_may_stand_in_its_folder(name, at):
    put(at.settings.landing / "engagements" / name, event(1, event_time="2026-05-01T10:00:00Z"))
    assert ingestion.ingest_days(at, ENGAGEMENTS, NOW.date(), NOW.date()).lines == ()
    [line] = ingestion.ingest_days(at, ENGAGEMENTS, date(2026, 5, 1), date(2026, 5, 1)).lines
    assert line.days == (date(2026, 5, 2),), "received when its day ended"
    assert (at.settings.landing / "done" / "engagements" / name).exists()


def test_a_home_may_be_named_from_where_one_stands(at, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    near = Installation(HOME_FEED, at.settings.model_copy(update={"home": Path("../home")}))
    for number in range(3):
        put(
            near.settings.landing / "engagements" / f"engagements-20260504T10000{number}-7-{number}.jsonl",
            event(number),
        )
    [line] = ingestion.ingest_days(near, ENGAGEMENTS, NOW.date(), NOW.date()).lines
    assert line.accepted == 3, "what a service handed over is one delivery"


def test_where_nothing_was_ever_landed_a_day_has_nothing_to_take_and_no_fault(at):
    assert not at.settings.landing.exists()
    ingested = ingestion.ingest_days(at, VIDEOS, date(2026, 5, 1), date(2026, 5, 3))
    assert (ingested.lines, ingested.failed, ingested.passed_over) == ((), (), ())


def test_a_name_that_landed_before_does_not_overwrite_what_it_brought_then(at):
    for number in range(3):
        put(at.settings.landing / "engagements" / "a.jsonl", event(number))
        ingestion.ingest_days(at, ENGAGEMENTS, NOW.date(), NOW.date())
    done = at.settings.landing / "done" / "engagements"
    assert sorted(path.name for path in done.iterdir()) == ["2~a.jsonl", "3~a.jsonl", "a.jsonl"]


def _writes_after(monkeypatch, step, path):
    """Lets somebody add a line to a landed file right after a step of its ingestion."""
    does = getattr(landing, step)

    def and_then(*args, **named):
        result = does(*args, **named)
        with path.open("a") as file:
            file.write(json.dumps(event(77)) + "\n")
        return result

    monkeypatch.setattr(landing, step, and_then)


@pytest.mark.parametrize(("step", "taken"), [("delivered_from_file", 0), ("ingest", 20)])
def test_what_is_written_to_a_file_while_it_is_taken_in_is_not_lost(at, monkeypatch, step, taken):
    path = at.settings.landing / "engagements" / "2026-05-03.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(event(i)) + "\n" for i in range(20)))
    with monkeypatch.context() as patched:
        _writes_after(patched, step, path)
        ingested = ingestion.ingest_days(at, ENGAGEMENTS, date(2026, 5, 3), date(2026, 5, 3))
    [failed] = ingested.failed
    assert "while it" in failed.error
    assert not ingested.complete
    assert at.lake.read("tables/engagements").num_rows == taken
    ingestion.ingest_path(at, failed.path, "engagements", print)
    assert at.lake.read("tables/engagements").num_rows == 21
    assert ledger.balance(at.lake, "engagements")["off"] == 0
