"""The days whose outcomes are known by now: where labels take weeks, a day is judged weeks after it was served."""

from datetime import date, timedelta

from infra.lake import days_from
from orchestration.system import Installation
from training.definition import Task

LATE = timedelta(days=1)
"""A task whose labels take so long or longer is watched before they are known, and judged when they are."""


def comes_late(task: Task) -> bool:
    """Whether what follows a day is known only days after it."""
    return task.maturity >= LATE


def maturing(task: Task, first: date, last: date) -> list[date]:
    """The days that become mature on one of these days; none for a task whose labels come within a day."""
    later = task.matures(first).date() - first
    return days_from(first - later, last - later) if comes_late(task) else []


def served_before(installation: Installation, days: list[date]) -> list[date]:
    """Those of the days on which a release was live: only of these there is anything to judge."""
    moves = installation.registry.history()
    return [day for day in days if moves and moves[0].at.date() <= day]
