"""Labels at the frontier: what is not known yet is no outcome, and what comes late makes a new version."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import DefinitionError
from infra.lake import Lake
from tests.training.rows.test_labels import (
    DONE,
    FEATURES,
    LATE,
    NOON,
    SHOWN,
    TABLES,
    TASK,
    deliver,
    do,
    lake,
    minutes,
    show,
)
from training.definition import Split, Task
from training.rows import KnownBy, known_at_maturity, newest, split_rows
from training.rows.attribution import AT
from training.rows.label_versions import SINCE, TARGET_AT, VERSION, known_at_cuts
from training.rows.labels import build_label_versions, build_labels
from training.rows.maturity import maturity_curve
from training.rows.split import FIT, JUDGE, TUNE, cuts

__all__ = ["lake"]  # the fixture
DAYS = (date(2026, 5, 3), date(2026, 5, 4))
SLOW = replace(TASK, longest=timedelta(minutes=60))
MATURE = 70.0  # minutes after it was shown a row of the library is mature


def versions(
    spark: Any,
    lake: Lake,
    shown: list[dict[str, Any]],
    done: list[dict[str, Any]],
    as_of: datetime = LATE,
    task: Task = TASK,
) -> pd.DataFrame:
    """All versions of the labels of these events."""
    deliver(lake, SHOWN, shown)
    deliver(lake, DONE, done)
    return build_label_versions(spark, lake, task, FEATURES, TABLES, as_of, *DAYS)


def told(found: pd.DataFrame, outcome: str) -> list[tuple[str, int, float, float]]:
    """Shelf, version, the minute since which it is known, and the label."""
    since = (found[SINCE] - pd.Timestamp(NOON)).dt.total_seconds() / 60
    return list(zip(found["shelf"], found[VERSION].tolist(), since.tolist(), found[outcome].tolist(), strict=True))


def test_an_outcome_of_a_young_row_is_none_of_the_mature_row_before_it(spark: Any, lake: Lake) -> None:
    found = versions(spark, lake, [show("s1", 0), show("s2", 40)], [do("lend", 45)], as_of=minutes(75))
    assert told(found, "lent") == [("s1", 1, MATURE, 0.0)]
    assert told(versions(spark, lake, [], [], as_of=minutes(110)), "lent") == [
        ("s1", 1, MATURE, 0.0),
        ("s2", 1, 40 + MATURE, 1.0),
    ]


def test_a_row_shown_after_the_last_day_asked_for_keeps_its_outcome(spark: Any, lake: Lake) -> None:
    deliver(lake, SHOWN, [show("s1", 700), show("s2", 730)])
    deliver(lake, DONE, [do("lend", 735)])
    found = build_label_versions(spark, lake, TASK, FEATURES, TABLES, LATE, DAYS[0], DAYS[0])
    assert told(found, "lent") == [("s1", 1, 700 + MATURE, 0.0)]


@pytest.mark.parametrize(("as_of", "labels"), [(129.9, []), (130, [1.0])])
def test_what_is_known_once_it_has_ended_has_as_long_as_it_may_take(
    spark: Any, lake: Lake, as_of: float, labels: list[float]
) -> None:
    found = versions(spark, lake, [show("s1")], [do("open", 0, known=60 + 65)], as_of=minutes(as_of), task=SLOW)
    assert found["opened"].tolist() == labels


def test_an_outcome_that_comes_after_maturity_makes_a_new_version(spark: Any, lake: Lake) -> None:
    done = [do("open", 1, known=200), do("open", 2, known=300), do("burn", 3, known=400)]
    found = versions(spark, lake, [show("s1")], done)
    assert told(found, "opened") == [("s1", 1, MATURE, 0.0), ("s1", 2, 200.0, 1.0), ("s1", 3, 400.0, 1.0)]
    assert found["burnt"].tolist() == [0.0, 0.0, 1.0]
    assert found["gain"].tolist() == [0.0, 1.0, 0.0], "the gain follows"
    assert newest(found)[VERSION].tolist() == [3]
    assert found[TARGET_AT + "opened"].tolist()[1:] == [pd.Timestamp(minutes(200))] * 2


def test_a_row_that_is_received_late_takes_its_outcome_over(spark: Any, lake: Lake) -> None:
    shown = [show("s1", 0), show("s2", 10, known=150)]
    found = versions(spark, lake, shown, [do("open", 12, known=13)])
    assert told(found, "opened") == [("s1", 1, MATURE, 1.0), ("s1", 2, 150.0, 0.0), ("s2", 1, 150.0, 1.0)]


def random_events(seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows and outcomes of many readers; a third comes late, some by a day, and some outcomes name their shelf."""
    draw = np.random.default_rng(seed)

    def late(at: float) -> float:
        return at + float(draw.choice([0, 1, 30, 100, 500, 1500], p=[0.4, 0.25, 0.1, 0.1, 0.1, 0.05]))

    shown, done = [], []
    for i in range(150):
        reader, at = f"r{i % 30}", float(draw.integers(0, 240))
        shown.append(show(f"s{i}", at, reader=reader, known=late(at)))
    for i in range(200):
        row = shown[draw.integers(len(shown))]
        at = (row["at"] - NOON).total_seconds() / 60 + float(draw.integers(0, 70))
        named = row["shelf"] if draw.random() < 0.3 else None
        what = str(draw.choice(["open", "lend", "burn"]))
        done.append(do(what, at, named, known=late(at), act=f"a{i}", reader=row["reader"]))
    return shown, done


def test_the_version_of_any_moment_is_the_label_that_would_be_built_at_that_moment(spark: Any, lake: Lake) -> None:
    shown, done = random_events(5)
    every = versions(spark, lake, shown, done, as_of=minutes(3000))
    assert (every[VERSION] > 1).sum() > 20, "some labels change"
    for as_of in (60, 100, 240, 305, 470, 900):
        then = build_labels(spark, lake, TASK, FEATURES, TABLES, minutes(as_of), *DAYS)
        known = newest(every[every[SINCE] <= pd.Timestamp(minutes(as_of))])
        pd.testing.assert_frame_equal(known, then, check_dtype=False)


drawn_rows = st.lists(
    st.tuples(st.integers(0, 600), st.lists(st.tuples(st.integers(0, 500), st.booleans()), max_size=3)),
    min_size=12,
    max_size=40,
)


@settings(deadline=None)
@given(rows=drawn_rows)
def test_no_part_holds_an_outcome_that_was_not_there_yet_at_its_end(
    rows: list[tuple[int, list[tuple[int, bool]]]],
) -> None:
    split = Split(tune_from=NOON + timedelta(minutes=300), judge_from=NOON + timedelta(minutes=450))
    task = replace(TASK, split=split)
    lines = []
    for number, (shown, later) in enumerate(sorted(rows, key=lambda row: row[0])):
        known = sorted({MATURE: False, **{MATURE + 1 + after: label for after, label in later}}.items())
        lines += [
            {"row": number, AT: minutes(shown), SINCE: minutes(shown + after), VERSION: i + 1, "opened": float(label)}
            for i, (after, label) in enumerate(known)
        ]
    every = pd.DataFrame(lines).assign(
        **{name: lambda f, n=name: pd.to_datetime(f[n], utc=True) for name in (AT, SINCE)}
    )
    chosen = known_at_cuts(every, task)
    assert chosen["row"].tolist() == list(range(len(rows))), "each row once"
    shown_at, since = (chosen[name].dt.tz_localize(None).to_numpy("datetime64[us]") for name in (AT, SINCE))
    part = split_rows(shown_at, np.arange(len(chosen)), split, task.window, since)
    tune_from, judge_from = cuts(shown_at, split)
    for place, end in ((FIT, tune_from), (TUNE, judge_from)):
        of_part = chosen[part == place]
        assert (since[part == place] <= end).all()
        for _, row in of_part.iterrows():
            by_then = every[(every["row"] == row["row"]) & (every[SINCE] <= pd.Timestamp(end, tz="UTC"))]
            assert row["opened"] == by_then["opened"].iloc[-1]
    last = every.groupby("row")["opened"].last()
    assert (chosen["opened"][part == JUDGE] == last[chosen["row"][part == JUDGE]].to_numpy()).all()


def test_the_curve_tells_the_share_that_is_known_by_each_age_of_rows_that_are_old_enough() -> None:
    after = pd.to_timedelta([0.5, 5, 45, 200, 1], unit="min")
    at = pd.to_datetime([minutes(0)] * 4 + [minutes(3 * 24 * 60)], utc=True)
    labels = pd.DataFrame({AT: at, "opened": 1.0, TARGET_AT + "opened": at + after})
    curve = maturity_curve(labels, TASK)
    shares = {point.age_s / 60: point.share for point in curve}
    assert shares == pytest.approx({1: 0.25, 10: 0.5, 30: 0.5, 60: 0.75, 70: 0.75, 120: 0.75, 360: 1, 720: 1, 1440: 1})
    assert {point.rows for point in curve} == {4}, "of the youngest row it is not known what is still missing"
    assert known_at_maturity(curve, TASK) == {"opened": 0.75}
    assert known_at_maturity((KnownBy("opened", MATURE * 60, 0.0, 0),), TASK) == {}


def test_labels_of_an_older_checkout_are_refused_with_what_to_do() -> None:
    with pytest.raises(DefinitionError, match="flywheel run train"):
        newest(pd.DataFrame({AT: [datetime(2026, 5, 3, tzinfo=UTC)]}))
