"""In which time a run believes to be: the present, that of its events, or the one that is asked for."""

from datetime import UTC, date, datetime, timedelta

import pytest

from infra.errors import DefinitionError
from infra.settings import Settings
from orchestration.replay import STILL_PRESENT, as_of, newest_day
from orchestration.runs import execute
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED

TODAY = datetime.now(UTC).date()
OLD = date(2022, 5, 8)


def holding(settings: Settings, *days: date) -> Installation:
    """An installation whose lake has a file for each of these days."""
    at = Installation(HOME_FEED, settings)
    for day in days:
        at.lake.append("tables/users", day, HOME_FEED.tables[1].schema.empty_table())
    return at


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path)


def test_old_events_run_as_if_the_day_after_the_newest_began_and_that_is_said(settings):
    messages: list[str] = []
    at = as_of(holding(settings, OLD - timedelta(days=9), OLD), None, messages.append)
    assert at.now().isoformat(timespec="minutes") == "2022-05-09T00:00+00:00"
    assert "2022-05-08" in messages[0]
    assert "--as-of now" in messages[1]


def test_files_that_still_wait_count_too(settings):
    folder = settings.landing / "users"
    folder.mkdir(parents=True)
    (folder / f"{OLD}.jsonl").write_text("{}\n")
    assert newest_day(holding(settings)) == OLD
    assert as_of(holding(settings), None, print).now().date() == OLD + timedelta(days=1)


@pytest.mark.parametrize("newest", [(), (TODAY,), (TODAY - STILL_PRESENT, OLD)], ids=["none", "today", "an outage"])
def test_events_of_these_days_run_in_the_present(settings, newest):
    at = holding(settings, *newest)
    assert as_of(at, None, print) is at


@pytest.mark.parametrize(
    ("text", "moment"),
    [("2022-05-09", "2022-05-09T00:00"), ("2022-05-09T06:30", "2022-05-09T06:30"),
     ("2022-05-09T06:30+02:00", "2022-05-09T04:30"), ("now", f"{TODAY}")],
)  # fmt: skip
def test_the_moment_that_is_asked_for_counts_whatever_the_settings_say(settings, text, moment):
    replayed = settings.model_copy(update={"replay_from": datetime(2024, 1, 1, tzinfo=UTC)})
    assert as_of(holding(replayed, OLD), text, print).now().isoformat().startswith(moment)


@pytest.mark.parametrize("text", ["yesterday", "2022-13-01", "1022-05-09", "1652054400"])
def test_what_is_no_moment_is_refused_with_an_example(settings, text):
    with pytest.raises(DefinitionError, match="--as-of"):
        as_of(holding(settings, OLD), text, print)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [(0, -1, "Swap them"), (0, 3, "--as-of"), (-60, 0, "where the days")],
    ids=["reversed", "ahead", "before all events"],
)
def test_days_that_cannot_run_are_refused_before_anything_starts(settings, first, last, words):
    at = as_of(holding(settings, OLD), "2022-05-09", print)
    with pytest.raises(DefinitionError, match=words):
        execute(at, "features", OLD + timedelta(days=first), OLD + timedelta(days=last))
    assert not (settings.home / "dagster").exists()
