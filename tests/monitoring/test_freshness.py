"""Skew of freshness: served rows that read older states than the live release was trained on."""

from datetime import timedelta

import numpy as np
import pytest

from infra.freshness import AS_PUBLISHED, MICROS, Freshness
from monitoring import freshness
from monitoring.definition import Watch

DAY, MINUTE = 86_400 * MICROS, 60 * MICROS
WATCH = Watch(critical=(), min_skew_rows=1_000)
NIGHTLY = Freshness(86_400, 3_600)
AT = np.arange(2_000, dtype=np.int64) * DAY // 2_000 + 10 * DAY + 60 * MINUTE  # a day of rows, from one o'clock on
EVERY_MINUTE = np.arange(12 * 1440, dtype=np.int64) * MINUTE


def measured(until: np.ndarray, trained: Freshness, published: np.ndarray = EVERY_MINUTE) -> freshness.FreshnessReport:
    return freshness.measure(AT, until, {"user": published}, trained, WATCH)


def test_states_of_last_midnight_are_stale_for_a_model_that_learned_from_fresh_ones() -> None:
    report = measured(NIGHTLY.reached(AT), AS_PUBLISHED)
    assert report.finding == "stale"
    assert [view.name for view in report.stale] == ["user"]
    assert report.views[0].median == pytest.approx(13 * 3600, abs=90)
    assert "Let `flywheel stream` run, or train again" in report.reason()
    assert "| user | 100.0% |" in report.markdown()


def test_the_same_states_are_as_trained_for_a_model_that_learned_from_such() -> None:
    report = measured(NIGHTLY.reached(AT), NIGHTLY)
    assert report.finding == "as trained"
    assert report.views[0].staler == 0
    assert report.facts()["largest median lag (s)"] > 0, "how long states waited is told all the same"


def test_what_was_not_published_could_not_be_served() -> None:
    report = measured(AT - 6 * 3600 * MICROS, AS_PUBLISHED, EVERY_MINUTE[:10])
    assert report.finding == "as trained"
    assert report.views[0].waited == 0


def test_an_outage_of_a_few_rows_is_no_finding_and_one_of_many_is() -> None:
    until = AT.copy()
    until[:150] -= 3600 * MICROS
    assert measured(until, AS_PUBLISHED).finding == "as trained"
    until[150:300] -= 3600 * MICROS
    assert measured(until, AS_PUBLISHED).finding == "stale"


def test_few_rows_show_staleness_but_not_that_there_is_none() -> None:
    few = AT[:5]
    view = {"user": EVERY_MINUTE}
    assert freshness.measure(few, few, view, AS_PUBLISHED, WATCH).finding == "not enough rows"
    assert freshness.measure(few, few - DAY, view, AS_PUBLISHED, WATCH).finding == "stale"
    assert freshness.measure(few[:0], few[:0], view, AS_PUBLISHED, WATCH).finding == "not enough rows"


def test_how_much_staler_is_too_stale_is_a_matter_of_the_watch() -> None:
    patient = Watch(critical=(), max_staler=timedelta(days=2))
    report = freshness.measure(AT, NIGHTLY.reached(AT), {"user": EVERY_MINUTE}, AS_PUBLISHED, patient)
    assert report.finding == "as trained"
