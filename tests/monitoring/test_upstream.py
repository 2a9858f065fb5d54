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
