"""Whether what comes in may be learned from: tables that hold far fewer or more rows of a day than usual."""

from collections.abc import Mapping
from datetime import date, timedelta
from statistics import median

from monitoring.definition import Watch

LEAST_DAYS = 3
"""So many days before a day say what is usual."""
WEEK = timedelta(days=7)


def unusual_volume(rows_by_day: Mapping[date, int], watch: Watch) -> str:
    """What is wrong with the newest day's rows, in a sentence; empty where they are as usual.

    A day's rows are compared with the median of the usual days before it, or with those of the same day a week before:
    where nobody works on Sundays, few rows are usual then. That day counts only when a usual one came after it, so that
    what is broken for a week does not become usual. What has begun ends when a day lies clearly within the limit. A
    newest day without any row may still come: then the day before it speaks.
    """
    usual_days: list[int] = []
    last_usual, wrong = date.min, ""
    for day, rows in _that_have_come(rows_by_day):
        usual = median(usual_days) if len(usual_days) >= LEAST_DAYS else 0
        if usual < watch.min_usual_rows:
            usual_days.append(rows)
            last_usual = day
            continue
        limit = watch.max_volume_change * (watch.clear_below if wrong else 1.0)
        week_before = day - WEEK
        if _alike(rows, usual, limit):
            usual_days.append(rows)
            last_usual, wrong = day, ""
        elif week_before < last_usual and _alike(rows, rows_by_day.get(week_before, -1), limit):
            wrong = ""
        else:
            wrong = f"{rows:,} rows of {day}, usual are {usual:,.0f} (limit: {limit:g} times as many, or as few)"
    return wrong


def _alike(rows: int, usual: float, limit: float) -> bool:
    """Whether these are at most so many times as many, or as few; never where there was no such day."""
    return usual >= 0 and 1 / limit <= max(rows, 1) / max(usual, 1) <= limit


def _that_have_come(rows_by_day: Mapping[date, int]) -> list[tuple[date, int]]:
    days = sorted(rows_by_day.items())
    return days[:-1] if days and not days[-1][1] else days
