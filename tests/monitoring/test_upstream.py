"""A day's rows against those of a usual day: far fewer or more freeze training, until they are clearly usual again."""

from datetime import date, timedelta

import pytest

from monitoring.definition import Watch
from monitoring.upstream import unusual_volume

START = date(2026, 5, 1)
WATCH = Watch(critical=(), max_volume_change=5.0, clear_below=0.8)


def days(*rows: int) -> dict[date, int]:
    return {START + timedelta(days=n): count for n, count in enumerate(rows)}


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ((1_000, 1_100, 900, 1_000), ""),
        ((1_000, 1_100, 900, 150), "150 rows of 2026-05-04, usual are 1,000"),
        ((1_000, 1_100, 900, 6_000), "6,000 rows of 2026-05-04"),
        ((1_000, 1_100, 900, 150, 220), "220 rows"),  # within the limit, and not clearly
        ((1_000, 1_100, 900, 150, 300), ""),
        ((1_000, 1_100, 900, 0), ""),  # it may still come
        ((1_000, 1_100, 900, 0, 0), "0 rows of 2026-05-04"),
        ((1_000, 1_100, 900, 150, 0), "150 rows"),
        ((1_000, 150), ""),  # nobody knows what is usual
        ((10, 12, 9, 0, 100), ""),  # so few say nothing
        ((), ""),
    ],
)
def test_a_days_rows_against_those_of_a_usual_day(rows: tuple[int, ...], wrong: str) -> None:
    assert unusual_volume(days(*rows), WATCH).startswith(wrong)
    assert bool(unusual_volume(days(*rows), WATCH)) is bool(wrong)


def test_broken_days_do_not_become_usual() -> None:
    assert unusual_volume(days(1_000, 1_100, 900, *[100] * 10), WATCH)


WEEKDAYS, WEEKEND = [1_000, 1_100, 900, 1_000, 1_050], [0, 3]


def test_a_weekend_without_work_is_usual_from_the_second_one_on() -> None:
    week = [*WEEKDAYS, *WEEKEND]
    assert unusual_volume(days(*week, 1_000), WATCH) == "", "Monday ends it"
    assert unusual_volume(days(*week), WATCH).startswith("3 rows of 2026-05-07"), "nobody knows that it is one"
    for looked_at in range(6, 9):
        assert unusual_volume(days(*[*week, *week, 1_000, 900][: 7 + looked_at]), WATCH) == ""


def test_a_working_day_with_the_rows_of_a_weekend_is_no_weekend() -> None:
    assert unusual_volume(days(*WEEKDAYS, *WEEKEND, *WEEKDAYS[:3], 3), WATCH).startswith("3 rows of 2026-05-11")


def test_a_day_that_is_broken_in_a_second_week_too_is_not_excused_where_no_usual_day_was_between() -> None:
    assert unusual_volume(days(1_000, 1_100, 900, *[0] * 9, 2), WATCH)
