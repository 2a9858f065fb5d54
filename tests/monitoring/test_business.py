"""What people get falls, or does not; and it falls while the merit is as promised."""

import numpy as np
import pandas as pd
import pytest

from monitoring.business import counts, findings, goodhart, value_of
from monitoring.definition import BusinessMeasure, Watch
from monitoring.usual import usual

WATCH = Watch(critical=())
START = pd.Timestamp("2026-05-01", tz="UTC")


def shown() -> pd.DataFrame:
    """Ann comes in the morning and in the evening, Ben once; a page shows two items."""
    minutes = [0, 0, 10, 10, 600, 600, 5, 5]
    return pd.DataFrame({
        "who": ["ann"] * 6 + ["ben"] * 2, "page": ["a", "a", "b", "b", "c", "c", "d", "d"],
        "at": [START + pd.Timedelta(minutes=m) for m in minutes],
    })  # fmt: skip


def test_a_session_ends_after_half_an_hour_without_a_page() -> None:
    assert counts(shown(), "who", "page", "at") == {"row": 8, "unit": 4, "session": 3, "person": 2}


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        (BusinessMeasure("watches", "", "session", where="kind == 'watch'"), 1.0),
        (BusinessMeasure("seconds", "", "session", where="kind == 'watch'", of="seconds"), 50.0),
        (BusinessMeasure("different", "", "person", where="kind == 'watch'", distinct="item"), 1.0),
        (BusinessMeasure("hides", "", "row", where="kind == 'hide'"), 1 / 8),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_measures_count_sum_or_tell_apart(measure: BusinessMeasure, value: float) -> None:
    rows = pd.DataFrame({
        "kind": ["watch", "watch", "watch", "hide"], "seconds": [30.0, 60.0, 60.0, np.nan], "item": list("xxyz"),
    })  # fmt: skip
    assert value_of(measure, rows, counts(shown(), "who", "page", "at")) == pytest.approx(value)


def test_a_fall_below_what_is_usual_is_told_and_a_day_like_the_others_is_not() -> None:
    rng = np.random.default_rng(0)
    before = [{"views": float(rng.normal(3, 0.1)), "hides": float(rng.normal(0.01, 0.001))} for _ in range(20)]
    below = {"views": True, "hides": False}
    usual_day = findings({"views": 3.0, "hides": 0.01}, before, below, WATCH)
    fallen = findings({"views": 2.2, "hides": 0.02}, before, below, WATCH)
    better = findings({"views": 3.9, "hides": 0.001}, before, below, WATCH)
    assert [each.worse for each in usual_day] == [False, False]
    assert [each.worse for each in fallen] == [True, True]
    assert [each.worse for each in better] == [False, False], "more of what is good is no alarm"
    assert "views 2.2, usual are" in fallen[0].says()


def test_with_few_days_nothing_is_usual() -> None:
    assert not usual(0.0, [3.0] * 6, 0.01).below
    assert usual(0.0, [3.0] * 7, 0.01).below


@pytest.mark.parametrize(
    ("days", "fires"),
    [
        ([(True, ["views"]), (True, ["views"])], True),
        ([(True, ["views"]), (True, []), (True, ["return"])], True),
        ([(False, ["views"]), (False, ["views"])], False),  # merit falls with it: that is the merit's alarm
        ([(True, ["views"]), (True, [])], False),
        ([(None, ["views"]), (None, ["views"])], False),  # nobody measured the merit
        ([], False),
    ],
)
def test_merit_that_stays_while_the_product_falls_is_a_finding_of_its_own(
    days: list[tuple[bool | None, list[str]]], fires: bool
) -> None:
    assert bool(goodhart(days, WATCH)) is fires
