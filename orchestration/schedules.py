"""When things run by themselves: features every hour, a fresh ranker every night, a look at the world every morning."""

from datetime import timedelta

import dagster as dg

from orchestration.jobs import Job
from orchestration.system import Installation

WHEN = {
    "features": ("7 * * * *", 0, "what arrived in the last hours becomes features, online too"),
    "retrain": ("30 1 * * *", 1, "a ranker from everything up to yesterday's end; gates decide whether it goes live"),
    "monitor": ("0 3 * * *", 1, "yesterday against what the live release was trained on"),
}


def schedules(at: Installation, jobs: dict[str, Job]) -> list[dg.ScheduleDefinition]:
    """One schedule for each job of `WHEN` that exists: its cron, for the day so many days ago. Times are UTC."""
    return [_schedule(at, jobs[name], name, *when) for name, when in WHEN.items() if name in jobs]


def _schedule(at: Installation, job: Job, name: str, cron: str, days_ago: int, why: str) -> dg.ScheduleDefinition:
    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = context.scheduled_execution_time.date() - timedelta(days=days_ago)
        return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat(), partition_key=day.isoformat())

    return dg.ScheduleDefinition(
        name=f"{name}_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        execution_fn=evaluate,
        description=why,
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )
