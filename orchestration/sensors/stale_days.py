"""The sensor of stale days: what was taken in for a day that is published already leads to one run that mends it."""

import dagster as dg

from orchestration.jobs import Job
from orchestration.naming import called
from orchestration.partitions import WHY
from orchestration.stale_days import stale_days
from orchestration.switches import sensor_status
from orchestration.system import Installation


def stale_days_sensor(installation: Installation, job: Job) -> dg.SensorDefinition:
    """Asks for a run of today, once for what has changed: publishing begins with every stale day.

    A run of the stale day itself would take late files of it as if they had come in time. Where the run fails, the next
    one of features that succeeds does the same.
    """

    @dg.sensor(
        name=called(installation.system.name, "stale_days_sensor"),
        job=job,
        minimum_interval_seconds=60,
        default_status=sensor_status(installation),
    )
    def stale(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        changed = stale_days(installation)
        if changed is None:
            return dg.SkipReason("every published day holds all that was received up to it")
        today = installation.now().date()
        return dg.RunRequest(run_key=f"stale {changed.key}", partition_key=f"{today}", tags={WHY: f"{changed}"[:200]})

    return stale
