"""The maturity curve: of the rows on which a target happened, the share of which that was known at each age."""

from datetime import timedelta

import msgspec
import pandas as pd

from training.definition import Task
from training.outcomes import EARLY
from training.rows.attribution import AT
from training.rows.label_versions import TARGET_AT

MINUTES, DAYS = (1, 10, 30, 60, 120, 360, 720, 1440, 2880, 4320, 7200, 10080), (10, 14, 21, 30)
AGES = (*(timedelta(minutes=m) for m in MINUTES), *map(timedelta, DAYS))
LONGEST = timedelta(days=7)
"""Later than that is of interest only where maturity is later, too."""


class KnownBy(msgspec.Struct, frozen=True):
    """A point of the curve: `share` of `rows` rows on which `target` happened were known so `age_s` seconds after.

    Of a number: of the rows that have one, the share that had one by then.
    """

    target: str
    age_s: float
    share: float
    rows: int


def maturity_curve(labels: pd.DataFrame, task: Task) -> tuple[KnownBy, ...]:
    """The curve of each target, at some ages and at maturity, from the newest labels.

    Only rows older than the last age count, for all ages alike: of younger ones it is not known what is still missing.
    That age is half of what the rows span, at most a week, and at least maturity. Rows whose label came early do not
    say how far the others have come.
    """
    in_time = labels[~labels[EARLY].astype(bool)] if EARLY in labels else labels
    if in_time.empty:
        return ()
    end = in_time[AT].max() + task.maturity
    longest = max(task.maturity, min(LONGEST, (end - labels[AT].min()) / 2))
    ages = sorted({task.maturity, *(age for age in AGES if age <= longest)})
    old = labels[labels[AT] <= end - longest]
    points = []
    for target in task.targets:
        there = old[target].notna() if target in task.numbers else old[target] > 0
        after = (old[TARGET_AT + target] - old[AT])[there]
        points += [KnownBy(target, age.total_seconds(), _share(after <= age), len(after)) for age in ages]
    return tuple(points)


def known_at_maturity(curve: tuple[KnownBy, ...], task: Task) -> dict[str, float]:
    """Of each target the share that is known when a row matures."""
    at = task.maturity.total_seconds()
    return {point.target: point.share for point in curve if point.age_s == at and point.rows}


def _share(known: "pd.Series[bool]") -> float:
    return float(known.mean()) if len(known) else 0.0
