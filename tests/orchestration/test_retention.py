"""Every dataset: what is too old goes, what is young or needed stays, and what lies there all the same is said."""

import json
import os
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_repo.folding import PublishedDays, Snapshots, parts_of
from infra.errors import DefinitionError, ReleaseMismatch
from infra.removed_files import note_removed
from infra.settings import Settings
from orchestration.ages import Ages
from orchestration.pipeline import pipeline
from orchestration.reproduction.release_model import must_have_rows, states_gone
from orchestration.retention import Kept, retain, too_old
from orchestration.retention.made import snapshots
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from validation.batches import balance, ingest, read_ledger, waiting_rows
from validation.contract import Table
from validation.files import delivered_from_jsonl
from validation.systems.home_feed import ENGAGEMENTS, USERS

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
TODAY = NOW.date()
OLD, YOUNG = TODAY - timedelta(days=181), TODAY - timedelta(days=1)
MOMENT = pa.timestamp("us", tz="UTC")


@pytest.fixture
def at(tmp_path: Path) -> Installation:
    return Installation(HOME_FEED, Settings(home=tmp_path / "home", replay_from=NOW))


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def take(at: Installation, table: Table, day: date, *rows: dict[str, object]) -> None:
    """Rows that happened and were received on a day."""
    moment = {"event_time": noon(day).isoformat(), "received_at": noon(day).isoformat()}
    content = b"".join(json.dumps(moment | row).encode() + b"\n" for row in rows)
    arrival = noon(day) + timedelta(hours=1)
    ingest(at.lake, table, delivered_from_jsonl(table, content), arrival, f"b{day}", handed_over=True)


def action(name: str, what: str = "like", user: str = "u") -> dict[str, object]:
    return {"event_id": name, "user_id": user, "video_id": "v", "action": what}


def user(region: str) -> dict[str, object]:
    signup = noon(OLD - timedelta(days=400)).isoformat()
    row = {"user_id": "u", "signup_at": signup, "region": region, "language": "de", "device": "phone"}
    return row | {"age_group": "18", "status": "active"}


def events(at: Installation) -> list[str]:
    return sorted(at.lake.read("tables/engagements")["event_id"].to_pylist())


def written(path: Path, day: date, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (noon(day).timestamp(),) * 2)
    return path


def of(kept: list[Kept], name: str) -> Kept:
    return next(each for each in kept if each.name == name)


def test_events_go_with_their_day_and_whom_somebody_blocks_stays(at: Installation) -> None:
    take(at, ENGAGEMENTS, OLD, action("e1"), action("e2", "block"), action("e3", "watch") | {"watch_seconds": 3})
    take(at, ENGAGEMENTS, OLD - timedelta(days=1), action("e4"))
    take(at, ENGAGEMENTS, OLD + timedelta(days=1), action("e5"))
    take(at, ENGAGEMENTS, YOUNG, action("e6"))
    planned = of(retain(at, dry_run=True), "tables/engagements")
    assert events(at) == ["e1", "e2", "e3", "e4", "e5", "e6"], "a dry run removes nothing"
    assert (planned.gone, planned.oldest, planned.too_old) == (2, OLD - timedelta(days=1), True)
    kept = of(retain(at), "tables/engagements")
    assert events(at) == ["e2", "e5", "e6"]
    assert (kept.gone, kept.oldest, kept.too_old) == (2, OLD + timedelta(days=1), False)
    assert balance(at.lake, "engagements") | {"removed": 3, "off": 0} == balance(at.lake, "engagements")
    assert of(retain(at), "tables/engagements").gone == 0
    ten_years = Installation(HOME_FEED, Settings(home=at.settings.home, replay_from=NOW + timedelta(days=3650)))
    take(ten_years, ENGAGEMENTS, ten_years.now().date(), action("e7"))
    retain(ten_years)
    assert events(ten_years) == ["e7"], "a block counts for ten years and no longer"


def test_a_published_day_is_not_stale_because_its_events_are_gone(at: Installation) -> None:
    for day in (OLD, YOUNG):
        take(at, ENGAGEMENTS, day, action(f"e{day}"), action(f"b{day}", "block"))
        take(at, ENGAGEMENTS, day - timedelta(days=1), action(f"f{day}"))
    published = PublishedDays(at.lake, "states", "counted")
    published.done([OLD, YOUNG], parts_of(at.lake, ["engagements"]), None)
    assert of(retain(at), "tables/engagements").gone == 2
    assert published.stale(parts_of(at.lake, ["engagements"])) == []
    take(at, ENGAGEMENTS, YOUNG, action("late"))
    assert published.stale(parts_of(at.lake, ["engagements"])) == [YOUNG], "what comes later still makes its day stale"


def test_of_descriptions_the_first_and_the_newest_stay_and_what_was_between_goes(at: Installation) -> None:
    for number, region in enumerate(("first", "second", "third", "fourth")):
        take(at, USERS, OLD - timedelta(days=9 - number), user(region))
    take(at, USERS, YOUNG - timedelta(days=1), user("fifth"))
    take(at, USERS, YOUNG, user("sixth"))
    kept = of(retain(at), "tables/users")
    assert at.lake.read("tables/users")["region"].to_pylist() == ["first", "fourth", "fifth", "sixth"]
    assert (kept.gone, kept.too_old) == (2, False)
    assert balance(at.lake, "users")["off"] == 0
    assert of(retain(at), "tables/users").gone == 0


def test_refused_rows_are_given_up_and_the_ledger_says_so(at: Installation) -> None:
    old, young = TODAY - timedelta(days=32), TODAY - timedelta(days=2)
    for day in (old, young):
        take(at, ENGAGEMENTS, day, action(f"ok{day}"), action(f"odd{day}", "jump"))
    retain(at)
    assert [day for day, _ in waiting_rows(at.lake, "engagements")] == [young]
    assert not at.lake.days("discarded/engagements"), "given up rows wait no second month"
    assert [line.why for line in read_ledger(at.lake, "engagements") if line.discarded] == [
        "nobody mended them within 30 days"
    ]
    assert balance(at.lake, "engagements")["off"] == 0


def test_lines_of_the_ledger_go_after_their_rows_and_the_rest_balances(at: Installation) -> None:
    old = TODAY - timedelta(days=401)
    take(at, ENGAGEMENTS, old, action("e1"), action("e2"), action("odd", "jump"))
    take(at, ENGAGEMENTS, YOUNG, action("e3"))
    retain(at)
    assert [line.received_at.date() for line in read_ledger(at.lake, "engagements") if line.kind == "ingest"] == [YOUNG]
    assert balance(at.lake, "engagements")["off"] == 0


def state(day: date) -> pa.Table:
    return pa.table({"user_id": ["u"], "published_at": pa.array([noon(day)], MOMENT)})


MADE: dict[str, tuple[int, str]] = {  # dataset → its limit, the table of the lake
    "labels": (60, "labels"),
    "training_sets": (60, "training_sets/home_feed"),
    "online": (60, "online"),
    "states/user": (120, "states/user"),
    "states/user_choice": (3678, "states/user_choice"),
    "snapshots": (60, "snapshots/user"),
}


@pytest.mark.parametrize("name", MADE)
def test_what_is_computed_goes_by_its_day(at: Installation, name: str) -> None:
    limit, table = MADE[name]
    old, last = TODAY - timedelta(days=limit + 1), TODAY - timedelta(days=limit)
    for day in (old, *([] if name == "training_sets" else [last, YOUNG])):
        at.lake.replace(table, day, state(day))
    kept = of(retain(at), name)
    assert at.lake.days(table) == ([] if name == "training_sets" else [last, YOUNG])
    assert (kept.gone, kept.too_old) == (1, False)


def test_a_training_set_goes_as_a_whole(at: Installation) -> None:
    days = [TODAY - timedelta(days=n) for n in (61, 60, 1)]
    at.lake.replace_days("training_sets/home_feed", [(day, state(day)) for day in days])
    at.lake.replace_days("training_sets/observed-1", [(day, state(day)) for day in days[1:]])
    retain(at)
    assert at.lake.days("training_sets/home_feed") == []
    assert at.lake.days("training_sets/observed-1") == days[1:]


def test_the_newest_snapshot_and_a_table_of_states_stay_however_old(at: Installation) -> None:
    at.lake.replace("snapshots/complete", OLD, pa.table({"counted": ["x"]}))
    at.lake.replace("snapshots/user", OLD, state(YOUNG))
    at.lake.replace("states/user", OLD, state(OLD))
    kept = retain(at)
    assert at.lake.days("snapshots/user") == [OLD], "the next fold starts there"
    assert at.lake.read("states/user").num_rows == 0
    assert at.lake.days("states/user") == [OLD], "an absent view could not be read"
    assert not any(each.too_old for each in kept)
    assert snapshots(at).oldest(TODAY) is None


def test_who_did_nothing_for_as_long_as_states_count_leaves_the_snapshots(at: Installation) -> None:
    at.lake.replace("snapshots/complete", YOUNG, pa.table({"counted": ["x"]}))
    at.lake.replace("snapshots/user", YOUNG, pa.concat_tables([state(TODAY - timedelta(days=121)), state(YOUNG)]))
    assert of(retain(at), "snapshots/user").gone == 1
    assert at.lake.read("snapshots/user")["published_at"].to_pylist() == [noon(YOUNG)]


FILES: dict[str, tuple[int, str]] = {  # dataset → its limit, a file of it
    "landing/done": (30, "systems/home_feed/landing/done/engagements/{}.jsonl"),
    "landing/failed": (30, "systems/home_feed/landing/failed/engagements/{}.jsonl"),
    "reports": (180, "systems/home_feed/reports/drift/{}.html"),
    "logs": (30, "logs/{}.txt"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_go_by_when_they_were_written(at: Installation, name: str) -> None:
    limit, path = FILES[name]
    days = {word: TODAY - timedelta(days=n) for word, n in {"old": limit + 1, "last": limit, "young": 1}.items()}
    paths = {word: written(at.settings.home / path.format(word), day) for word, day in days.items()}
    kept = of(retain(at), name)
    assert [word for word, path in paths.items() if path.exists()] == ["last", "young"]
    assert (kept.oldest, kept.too_old) == (days["last"], False)


def test_a_log_that_is_written_to_begins_anew_every_day_and_its_old_days_go(at: Installation) -> None:
    with written(at.settings.home / "logs" / "service.log", YOUNG, b"monday\n").open("ab", buffering=0) as process:
        retain(at)
        process.write(b"tuesday\n")
    assert (at.settings.home / "logs" / "service.log").read_bytes() == b"tuesday\n"
    assert (at.settings.home / "logs" / f"service.log.{TODAY}").read_bytes() == b"monday\n"
    later = Installation(HOME_FEED, Settings(home=at.settings.home, replay_from=NOW + timedelta(days=31)))
    retain(later)
    assert not (at.settings.home / "logs" / f"service.log.{TODAY}").exists()


def test_alerts_go_line_by_line(at: Installation) -> None:
    days = [TODAY - timedelta(days=n) for n in (31, 30, 1)]
    lines = [json.dumps({"at": noon(day).isoformat()}).encode() + b"\n" for day in days]
    path = written(at.settings.home / "alerts.jsonl", YOUNG, b"".join(lines))
    retain(at)
    assert path.read_bytes() == b"".join(lines[1:])


def test_what_lies_there_though_nobody_lists_it_is_too_old_and_the_check_says_so(at: Installation) -> None:
    take(at, ENGAGEMENTS, YOUNG, action("e1"))
    rows = at.lake.read("tables/engagements")
    rows = rows.set_column(rows.column_names.index("received_at"), "received_at", pa.array([noon(OLD)], MOMENT))
    hidden = at.lake.path("tables/engagements", YOUNG) / ".part-left.parquet"
    pq.write_table(rows, hidden)
    kept = retain(at)
    assert of(kept, "tables/engagements").too_old
    (sentence,) = too_old(at, kept)
    assert sentence.startswith(f"tables/engagements: something of {OLD} lies there, and 180 days is its limit")
    assert sentence in (at.settings.home / "alerts.jsonl").read_text().encode().decode("unicode_escape")


def test_events_that_all_are_too_old_are_not_removed(at: Installation) -> None:
    take(at, ENGAGEMENTS, OLD, action("e1"))
    with pytest.raises(DefinitionError, match=rf"newest events are of {OLD}.*--as-of {OLD}"):
        retain(at)
    assert events(at) == ["e1"]


TOO_SHORT: dict[str, tuple[dict[str, object], str]] = {
    "events": ({"events": 28}, "events=28 days is too short: a model learns from 28 days.*Make it 29 or more"),
    "folds": ({"events": 35}, "events=35 days is too short: a stale day is folded again.*Make it 39 or more"),
    "half-life": ({"events": 80}, "events=80 days is too short for `shown` in view user.*Make it 90 or more"),
    "forgotten": ({"remembered": {}}, "events=180 days is too short for `follow`.*say which rows are kept longer"),
    "states": ({"states": 90}, "states=90 days is too short: a row of 28 days ago opens states up to 90 days old"),
    "ledger": ({"ledger": 90}, "ledger=90 days is too short: a delivery is known to come again"),
    "releases": ({"releases": 7}, "releases=7 days is too short: a release that may be rolled back to is kept"),
    "dagster": ({"dagster_runs": 7}, "dagster_runs=7 days is too short: monitoring reads its evidence"),
}


@pytest.mark.parametrize("changed", TOO_SHORT)
def test_an_age_that_is_shorter_than_what_still_has_to_work_is_refused(at: Installation, changed: str) -> None:
    fields, says = TOO_SHORT[changed]
    ages = replace(HOME_FEED.ages, **fields)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match=says):
        pipeline(Installation(replace(HOME_FEED, ages=ages), at.settings))
    with pytest.raises(DefinitionError, match=r"remembered signal `folow` is not defined\. Did you mean `follow`"):
        Ages(remembered={"folow": HOME_FEED.ages.remembered["follow"]}).check(HOME_FEED.features, HOME_FEED.task, 28)


def test_more_history_in_the_settings_is_kept_as_long_as_it_is_needed(at: Installation) -> None:
    year = Installation(HOME_FEED, at.settings.model_copy(update={"history_days": 365}))
    pipeline(year)  # it loads, with ages that are long enough
    limits = {each.name: each.limit for each in retain(year, dry_run=True)}
    assert limits["tables/impressions"] == limits["labels"] == 366
    assert limits["states/video"] == 365 + 90, "the oldest row opens states as old as the time to live"
    assert at.ages == HOME_FEED.ages


def test_a_rebuild_from_events_names_the_states_that_are_gone(at: Installation) -> None:
    first, gone = TODAY - timedelta(days=50), TODAY - timedelta(days=130)
    at.lake.replace("states/video", TODAY, state(TODAY))
    published = Snapshots(at.lake, HOME_FEED.features).published
    published.done([TODAY], {}, None)
    assert states_gone(at, first) == {}, "nothing older was ever there"
    published.done([gone], {}, None)
    assert states_gone(at, first) == {"states": (f"from {gone}", f"from {TODAY - timedelta(days=120)}")}
    assert states_gone(at, TODAY - timedelta(days=30)) == {}, "its rows open no states of that day"


def test_a_release_whose_rows_are_gone_is_not_rebuilt_from_what_is_left(at: Installation) -> None:
    note_removed(at.lake, "impressions", {f"day={OLD}/part-a.parquet": (3, 0)})
    with pytest.raises(ReleaseMismatch, match=rf"since {OLD}, and what was received before {OLD + timedelta(days=1)}"):
        must_have_rows(at, "7", OLD)
    must_have_rows(at, "8", OLD + timedelta(days=1))
