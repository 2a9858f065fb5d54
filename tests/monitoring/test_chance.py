"""Drift counts what is independent: many rows of few users raise no alarm, and a true shift of many users does."""

import numpy as np
import pytest

from monitoring import chance, drift
from monitoring.reference import Reference
from tests.prove.comparisons import NAMES, WATCH, Traffic, findings


@pytest.mark.parametrize(("users", "rows"), [(29, 1_000), (60, 1_000), (150, 1_500)])
def test_windows_in_which_nothing_moved_are_called_a_drift_in_at_most_one_of_a_hundred(users: int, rows: int) -> None:
    now = findings(100, Traffic(2 * rows, users), Traffic(rows, users), seed=6)
    assert now["drift"] <= 0.01


def test_few_users_with_many_rows_raised_alarms_when_rows_were_counted() -> None:
    few = Traffic(2_000, 29), Traffic(1_000, 29)
    assert findings(20, *few, seed=6, by_rows=True)["drift"] > 0.5
    assert findings(20, *few, seed=6)["not enough users"] == 1.0


def test_a_shift_of_many_users_is_still_seen() -> None:
    assert findings(10, Traffic(6_000, 600), Traffic(3_000, 600), seed=7, moved=1.0)["drift"] == 1.0


def test_a_column_within_chance_is_named_with_what_chance_explains() -> None:
    rng = np.random.default_rng(3)
    few = Traffic(1_000, 60, unequal=1.5)
    for _ in range(20):
        (was, before), (now, users) = few.window(rng), few.window(rng)
        report = drift.measure(Reference.of(was, NAMES, users=before), now, NAMES, None, WATCH, users)
        if any(column.psi > WATCH.max_psi for column in report.columns):
            break
    assert report.finding == "steady"
    assert "moved more than chance explains with 54 users: feature_" in report.reason()
    assert "by chance up to" in report.markdown()
    assert report.flagged == ()


def test_users_too_few_are_told_and_are_never_called_steady() -> None:
    (was, before), (now, users) = (Traffic(2_000, 40).window(np.random.default_rng(seed)) for seed in (1, 2))
    report = drift.measure(Reference.of(was, NAMES, users=before), now, NAMES, None, WATCH, users)
    assert report.finding == "not enough users"
    assert report.reason().startswith("not enough users: 40 now and 40 before, 50 needed of each")


def test_what_chance_explains_grows_with_the_rows_that_one_user_has() -> None:
    shares, places = np.full(10, 0.1), np.random.default_rng(0).integers(0, 10, 4_000)
    alone = chance.Users(np.arange(4_000), 4_000).largest_by_chance(shares, places, 0.01)
    together = chance.Users(np.sort(places) * 10 + np.arange(4_000) % 10, 100).largest_by_chance(
        shares, np.sort(places), 0.01
    )
    assert alone < 0.02
    assert together > 10 * alone
