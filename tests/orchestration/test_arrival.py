"""When a file arrives: with the day it names, today when it is late, and never as an old receipt of a closed day."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from feature_repo.folding import Snapshots, published_profiles
from infra.lake import days_from
from infra.settings import Settings
from orchestration.commands.cli import app
from orchestration.ingestion import ingest_days, ingest_path, sentences
from orchestration.partitions import waiting
from orchestration.pipeline import pipeline
from orchestration.replay import newest_day
from orchestration.stale_days import (
    LABELS,
    TRAINING_SET,
    days_to_bring_online,
    learned_from,
    note_brought_online,
    note_trained,
    stale_days,
)
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from validation.definition import RECEIPT_TOLERANCE
from validation.systems.home_feed import ENGAGEMENTS

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)
TODAY, FIFTH = NOW.date(), date(2026, 5, 5)
OLD = datetime(2026, 5, 5, 10, tzinfo=UTC)
DAYS = days_from(date(2026, 5, 1), date(2026, 5, 10))


@pytest.fixture
def at(tmp_path: Path) -> Installation:
    """An installation on the eleventh of May, which has published every day since the first."""
    at = Installation(HOME_FEED, Settings(home=tmp_path / "home", replay_from=NOW))
    published(at, DAYS)
    return at


def published(at: Installation, days: Sequence[date]) -> None:
    """Note days as published, from what is there."""
    snapshots = Snapshots(at.lake, HOME_FEED.features)
    snapshots.published.done(days, snapshots.parts(), None)
    published_profiles(at.lake).done(days, {}, None)


def watch(number: int, known: datetime | None = OLD) -> dict[str, Any]:
    """A watch of the fifth of May."""
    row = {"event_id": f"e{number}", "user_id": "u", "video_id": "v", "action": "watch", "watch_seconds": 41.6,
           "event_time": OLD.isoformat()}  # fmt: skip
    return row | ({"received_at": known.isoformat()} if known else {})


def land(at: Installation, name: str, *rows: dict[str, Any]) -> Path:
    path = at.settings.landing / "engagements" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def days(at: Installation) -> list[date]:
    """The days of receipt of what was taken in."""
    return at.lake.days("tables/engagements")


@pytest.mark.parametrize("name", ["2026-05-11.jsonl", "export.jsonl", "2026-05-05.jsonl", "day=2026-05-05/part.jsonl"])
def test_a_late_file_arrives_today_and_no_closed_day_changes(name: str, at: Installation) -> None:
    land(at, name, watch(1))
    [line] = ingest_days(at, ENGAGEMENTS, TODAY, TODAY).lines
    [received] = at.lake.read("tables/engagements")["received_at"].to_pylist()
    assert NOW - RECEIPT_TOLERANCE <= received < NOW, "at most the tolerance before it arrived"
    assert line.warnings, "that is told"


def test_a_run_that_names_a_past_day_takes_its_files_as_if_they_had_come_in_time(at: Installation) -> None:
    land(at, "2026-05-05.jsonl", watch(1), watch(2, None))
    ingest_days(at, ENGAGEMENTS, FIFTH, FIFTH)
    assert days(at) == [FIFTH, FIFTH + timedelta(days=1)], "without a receipt, received when its day ended"
    stale = stale_days(at)
    assert stale is not None
    assert stale.days == tuple(DAYS[4:])


def test_a_file_of_yesterday_is_not_late(at: Installation) -> None:
    yesterday = NOW - timedelta(days=1)
    land(at, f"{yesterday.date()}.jsonl", watch(1, yesterday))
    assert ingest_days(at, ENGAGEMENTS, TODAY, TODAY).lines == ()
    assert ingest_days(at, ENGAGEMENTS, yesterday.date(), yesterday.date()).lines
    assert days(at) == [yesterday.date()]


def test_what_our_own_service_received_it_received_then_however_late_it_is_taken_in(at: Installation) -> None:
    land(at, "engagements-20260505T100000-77-1.jsonl", watch(1))
    assert ingest_days(at, ENGAGEMENTS, TODAY, TODAY).lines == ()
    ingest_days(at, ENGAGEMENTS, FIFTH, FIFTH)
    assert days(at) == [FIFTH]


def test_the_sensor_asks_for_today_where_a_file_of_a_closed_day_comes_late(at: Installation) -> None:
    land(at, "2026-05-05.jsonl", watch(1))
    definitions = pipeline(at)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance, None, definitions=definitions)
        tick = definitions.resolve_sensor_def("landing_sensor").evaluate_tick(context)
    assert [request.partition_key for request in tick.run_requests or []] == [f"{TODAY}"]
    assert list(waiting(at)) == [FIFTH], "people are told the day it names"
    assert newest_day(at) == FIFTH


def test_the_sensor_of_stale_days_asks_once_for_a_run_that_makes_them_again(at: Installation) -> None:
    land(at, "2026-05-05.jsonl", watch(1))
    definitions = pipeline(at)

    def tick() -> list[tuple[str | None, str | None]]:
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(instance, None, definitions=definitions)
            result = definitions.resolve_sensor_def("stale_days_sensor").evaluate_tick(context)
        return [(request.partition_key, request.run_key) for request in result.run_requests or []]

    assert tick() == []
    ingest_days(at, ENGAGEMENTS, FIFTH, FIFTH)
    [(day, key)] = tick()
    assert day == f"{TODAY}", "a run of the fifth would take late files as if they had come in time"
    assert tick() == [(day, key)], "the same key: Dagster starts it once"
    ingest_path(at, land(at, "more.jsonl", watch(2)), "engagements", print, history=True)
    assert tick() != [(day, key)]


def test_a_file_given_by_its_path_arrives_now_unless_it_is_history(at: Installation, tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    path.write_text(json.dumps(watch(1)))
    late = ingest_path(at, path, "engagements", print)
    assert days(at) == [(NOW - RECEIPT_TOLERANCE).date()]
    assert any("`flywheel ingest PATH --history`" in line for line in sentences(at, late))
    path.write_text(json.dumps(watch(2)))
    history = ingest_path(at, path, "engagements", print, history=True)
    assert FIFTH in days(at)
    assert [line for line in sentences(at, history) if "stale: 6 published days, 2026-05-05 to 2026-05-10" in line]


def test_the_first_files_of_an_installation_are_history(tmp_path: Path) -> None:
    at = Installation(HOME_FEED, Settings(home=tmp_path / "home", replay_from=NOW))
    ingest_path(at, land(at, "export.jsonl", watch(1)), "engagements", print)
    assert days(at) == [FIFTH], "nothing was computed without it"


def test_where_past_events_are_replayed_files_are_history(at: Installation) -> None:
    at = Installation(HOME_FEED, at.settings.model_copy(update={"replay_from": None}))
    long_ago = OLD - timedelta(days=1000)
    past = watch(1, long_ago) | {"event_time": long_ago.isoformat()}
    ingest_path(at, land(at, "first.jsonl", past), "engagements", print, history=True)
    later = long_ago + timedelta(days=1)
    more = watch(2, later) | {"event_time": later.isoformat()}
    ingest_path(at, land(at, "second.jsonl", more), "engagements", print)
    assert days(at) == [long_ago.date(), later.date()]


def test_the_command_takes_history_and_says_which_days_are_made_again(
    at: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYWHEEL_HOME", str(at.settings.home))
    monkeypatch.setenv("FLYWHEEL_REPLAY_FROM", NOW.isoformat())
    path = land(at, "export.jsonl", watch(1))
    done = CliRunner().invoke(app, ["ingest", str(path), "--history"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "flywheel run features --day 2026-05-05" in done.output.replace("\n", " ")
    assert days(at) == [FIFTH]


def test_what_training_made_of_a_day_that_changed_is_told(at: Installation) -> None:
    note_trained(at, LABELS, DAYS[-1], learned_from(at))
    note_trained(at, TRAINING_SET, DAYS[-1], learned_from(at))
    assert stale_days(at) is None
    ingest_path(at, land(at, "export.jsonl", watch(1)), "engagements", print, history=True)
    assert f"{stale_days(at)}".endswith("stale, too: labels, training_set (`flywheel run train`)")
    note_trained(at, LABELS, DAYS[-1], learned_from(at))
    assert f"{stale_days(at)}".endswith("stale, too: training_set (`flywheel run train`)")


def test_a_day_that_lasts_is_not_stale(at: Installation) -> None:
    snapshots = Snapshots(at.lake, HOME_FEED.features)
    snapshots.published.done([TODAY], snapshots.parts(), NOW)
    ingest_path(at, land(at, "export.jsonl", watch(1, NOW)), "engagements", print)
    assert stale_days(at) is None


def test_days_that_were_published_again_come_online_again(at: Installation) -> None:
    note_brought_online(at, DAYS)
    assert days_to_bring_online(at, TODAY, TODAY) == [TODAY]
    ingest_path(at, land(at, "export.jsonl", watch(1)), "engagements", print, history=True)
    published(at, DAYS[4:])
    assert days_to_bring_online(at, TODAY, TODAY) == days_from(FIFTH, TODAY)
    assert days_to_bring_online(at, FIFTH, FIFTH) == DAYS[4:]
    note_brought_online(at, DAYS)
    assert days_to_bring_online(at, TODAY, TODAY) == [TODAY]
