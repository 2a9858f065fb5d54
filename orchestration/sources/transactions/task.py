"""Fraud as it is judged on other people's transactions: the labels' own delay, and the last days as what is judged."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from infra.errors import DefinitionError
from orchestration.system import System
from training.definition import Split, Task

PATTERN = "pattern"
DAY = timedelta(days=1)
TUNED = 0.2  # of the days that are neither judged nor waited for


def system_for(base: System, first: datetime, last: datetime, delay: timedelta, judged_days: int) -> System:
    """The system whose labels arrive after `delay`, and whose last days are judged by what was known before them."""
    split = cuts_of(first, last, delay, judged_days)
    outcomes = tuple(replace(outcome, window=delay, settled_by=None) for outcome in base.task.outcomes)
    days = (last.date() - first.date()).days + 1 + (delay // DAY) + 2
    return replace(base, task=_only(replace(base.task, outcomes=outcomes, split=split, history_days=days)))


def cuts_of(first: datetime, last: datetime, delay: timedelta, judged_days: int) -> Split:
    """Where tuning and judging begin: each after the labels of what comes before have arrived.

    Where the days are few, fewer than asked for are judged. Raises DefinitionError where nothing would be left.
    """
    begin = datetime.combine(first.date(), time.min, UTC)
    end = datetime.combine(last.date() + DAY, time.min, UTC)
    free = end - begin - 2 * delay
    if free < 3 * DAY:
        raise DefinitionError(
            f"transactions: {(end - begin).days} days are too few for labels that come after {delay.days}: what is "
            f"learned, tuned and judged lies {delay.days} days apart. Give {2 * delay.days + 3} days or more."
        )
    judged = min(judged_days * DAY, free / 3)
    tuned = (free - judged) * TUNED
    return Split(tune_from=end - judged - delay - tuned, judge_from=end - judged)


def _only(task: Task) -> Task:
    """The task without what transactions do not say: that somebody reviewed them, and how they were paid."""
    slices = tuple(each for each in task.slices if each.of != "channel")
    return replace(task, slices=slices, weight="", fit_where="true", judge_where="true")
