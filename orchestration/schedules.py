"""The schedules: features every hour, a new ranker every night, then its proof, monitoring, studies and retention."""

from datetime import timedelta

import dagster as dg

from orchestration.evidence import frozen, note_freeze
from orchestration.jobs import Job
from orchestration.naming import called
from orchestration.switches import schedule_status
from orchestration.system import Installation

WHEN = {
    # The run after midnight still finishes the day before: its last files land a minute late.
    "features": ("7 * * * *", timedelta(minutes=30), "what arrived lately becomes features, online too"),
    "retrain": (
        "30 1 * * *",
        timedelta(days=1),
        "a ranker from all up to yesterday's end; gates decide if it goes live",
    ),
    "perturb": (
        "15 2 * * *",
        timedelta(days=1),
        "a sample of yesterday's training rows, built again after what came later was altered",
    ),
    "study": (
        "30 3 * * *",
        timedelta(days=1),
        "seed noise, staleness and the worth of groups of features, on the night's training set",
    ),
    "search": (
        "30 4 * * 0",
        timedelta(days=1),
        "every Sunday: trials of other settings; the best is a candidate that the gates judge, and is not promoted",
    ),
    "retain": ("45 3 * * *", timedelta(0), "what is older than its limit goes; nothing older may lie there then"),
    "monitor": ("0 3 * * *", timedelta(days=1), "yesterday against what the live release was trained on"),
}


TRAINS = frozenset({"retrain", "search"})


def schedules(installation: Installation, jobs: dict[str, Job]) -> list[dg.ScheduleDefinition]:
    """One schedule for each job of `WHEN` that exists: its cron, for the day it was so long ago. Times are UTC.

    While skew, or what comes in broken, has frozen training, a job that trains is passed over.
    """
    return [_schedule(installation, jobs[name], name, *when) for name, when in WHEN.items() if name in jobs]


def _schedule(
    installation: Installation, job: Job, name: str, cron: str, ago: timedelta, why: str
) -> dg.ScheduleDefinition:
    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = (context.scheduled_execution_time - ago).date()
        reason = frozen(context.instance, installation, day) if name in TRAINS else ""
        if reason:
            note_freeze(installation, reason)
            return dg.SkipReason(reason)
        return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat(), partition_key=day.isoformat())

    return dg.ScheduleDefinition(
        name=called(installation.system.name, f"{name}_schedule"),
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        execution_fn=evaluate,
        description=why,
        default_status=schedule_status(installation),
    )
