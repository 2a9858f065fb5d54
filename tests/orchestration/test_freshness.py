"""How fresh states are is read off the rows that a release served, and the notes of what was online then."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from infra.freshness import Freshness
from infra.settings import Settings
from orchestration import freshness
from orchestration.freshness import freshness_to_train_with, publications, served_moments
from orchestration.observed import MOMENT, note_online
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from tests.prove.freshness import DONE, works_daily
from validation.systems.home_feed import IMPRESSIONS

DAY = date(2026, 5, 3)
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def at(settings: Settings) -> Installation:
    return Installation(HOME_FEED, settings.model_copy(update={"replay_from": datetime(2026, 5, 6, tzinfo=UTC)}))


def shown(at: Installation, day: date, count: int = 200, release: str | None = "7", rung: str = "full") -> None:
    """Rows over a whole day."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = [
        {"request_id": f"{release}-{rung}-{i}", "video_id": "v", "user_id": "u", "device": "phone", "variant": "x",
         "event_time": start + i * timedelta(days=1) / count, "received_at": start, "release": release,
         "served_by": rung}
        for i in range(count)
    ]  # fmt: skip
    at.lake.append("tables/impressions", day, pa.Table.from_pylist(rows, schema=IMPRESSIONS.schema))


def test_work_once_a_night_is_seen_as_such(at: Installation) -> None:
    works_daily(at, [DAY - timedelta(days=2), DAY - timedelta(days=1), DAY, NEXT])
    for day in (DAY, NEXT):
        shown(at, day)
        shown(at, day, release=None)
        shown(at, day, rung="popular")
    online = freshness_to_train_with(at)
    assert (online.every_s, online.after_s) == (86_400, DONE.total_seconds())
    assert online.basis == "measured at 400 rows served from 2026-05-03 to 2026-05-04"
    served = served_moments(at, DAY, NEXT)
    assert online.reached(served.at).tolist() == served.until.tolist(), "the rhythm gives what was online at each row"


def test_a_stream_is_seen_beside_the_nightly_work(at: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    works_daily(at, [DAY - timedelta(days=1), DAY])
    start = datetime(2026, 5, 3, tzinfo=UTC)
    notes = [(start + timedelta(seconds=s), start + timedelta(seconds=s + 3)) for s in range(0, 86_400, 20)]
    monkeypatch.setattr("orchestration.observed.online_notes", lambda folder: notes)
    shown(at, DAY)
    online = freshness_to_train_with(at)
    assert (online.every_s, online.after_s) == (20, 3)


def test_the_numbers_of_the_live_release_are_kept_while_the_rhythm_is_the_same(
    at: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    works_daily(at, [DAY - timedelta(days=1), DAY])
    shown(at, DAY)
    shown(at, NEXT)
    measured = freshness_to_train_with(at)
    before = Freshness(86_400, measured.after_s + 600, measured.phase_s, "measured long ago")
    monkeypatch.setattr(freshness, "freshness_trained_with", lambda at, version: before)
    kept = freshness_to_train_with(at)
    assert (kept.every_s, kept.after_s, kept.phase_s) == (before.every_s, before.after_s, before.phase_s)
    assert kept.basis == f"{measured.basis}, as before"


def test_before_anything_was_served_the_assumption_is_said(at: Installation) -> None:
    works_daily(at, [DAY - timedelta(days=1), DAY])
    shown(at, DAY, count=freshness.LEAST - 1)
    online = freshness_to_train_with(at)
    assert online.longest_s == 0
    assert online.basis.startswith("assumed, as `flywheel stream` does it")


def test_rows_served_before_anything_was_online_say_nothing(at: Installation) -> None:
    shown(at, DAY)
    assert not len(served_moments(at, DAY, DAY).at)
    note_online(at, datetime(2026, 5, 4, tzinfo=UTC))
    assert not len(served_moments(at, DAY, DAY).at), "it was brought online two days later"


def test_a_rhythm_that_has_stopped_is_as_long_as_it_has_stopped(at: Installation) -> None:
    works_daily(at, [DAY - timedelta(days=2)])
    shown(at, DAY)
    lasted = timedelta(days=4) - DONE  # it is the sixth of the month
    assert freshness_to_train_with(at).every_s == pytest.approx(lasted.total_seconds(), rel=0.001)


def test_publications_are_the_moments_of_each_view(at: Installation) -> None:
    moments = [datetime(2026, 5, 3, 10, tzinfo=UTC), datetime(2026, 5, 3, 9, tzinfo=UTC)] * 2
    rows = pa.table({"event_timestamp": pa.array(moments, MOMENT)})
    at.lake.append("states/user", DAY, rows)
    at.lake.append("states/user", DAY - timedelta(days=3), rows)
    published = publications(at, DAY, NEXT)
    assert np.diff(published["user"]).tolist() == [3_600_000_000]
    assert len(published["video_profile"]) == 0
