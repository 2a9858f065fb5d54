"""A backfill of months is watched from its release on: the days it was made of are not gone through one by one."""

from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra.manifest import write_manifest
from infra.settings import Settings
from orchestration.observed import STEADY, worth_watching
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from orchestration.watching import days_before

RELEASED_AT = datetime(2026, 5, 31, tzinfo=UTC)


def installation(home: Path, live: str | None) -> Installation:
    at = Installation(HOME_FEED, Settings(home=home))
    at.__dict__["registry"] = SimpleNamespace(live=lambda: live, folder=lambda _: home)
    return at


@pytest.fixture
def release(tmp_path: Path) -> Path:
    (tmp_path / "recipe.json").write_text("{}")
    write_manifest(
        tmp_path, system="s", version="1", created_at=RELEASED_AT, kind="column", features=("a",), dataset_digest="d"
    )
    return tmp_path


def test_before_the_first_release_no_day_is_gone_through(tmp_path: Path) -> None:
    assert worth_watching(installation(tmp_path, None), date(2026, 1, 1), date(2026, 6, 2)) == []


def test_of_a_long_range_the_days_around_and_after_the_release_are_watched(release: Path) -> None:
    days = worth_watching(installation(release, "1"), date(2026, 1, 1), date(2026, 6, 2))
    assert (days[0], days[-1]) == (RELEASED_AT.date() - STEADY, date(2026, 6, 2))


def test_a_day_after_the_release_is_watched(release: Path) -> None:
    assert worth_watching(installation(release, "1"), date(2026, 6, 2), date(2026, 6, 2)) == [date(2026, 6, 2)]


def test_one_broken_file_of_a_day_does_not_end_the_watch_of_the_four_weeks_after_it(tmp_path: Path) -> None:
    at = installation(tmp_path, "1")
    folder = at.settings.reports / "watch"
    folder.mkdir(parents=True)
    (folder / "2026-06-01.json").write_text('{"business": {"long_views": 0.4}}')
    (folder / "2026-06-02.json").write_text('{"business": {"long_v')
    assert [day for day, _ in days_before(at, date(2026, 6, 3))] == [date(2026, 6, 1)]
