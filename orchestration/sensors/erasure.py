"""The sensor of erasures: who asked, who is described as gone, and who came back, is erased by one run."""

import hashlib

import dagster as dg

from orchestration.jobs import Job
from orchestration.naming import called
from orchestration.switches import sensor_status
from orchestration.system import Installation


def erasure_sensor(installation: Installation, job: Job) -> dg.SensorDefinition:
    """Asks for a run when there is anybody to be erased: one for all of them, and another one where it failed.

    The tables of people are read again only when their files have changed.
    """

    @dg.sensor(
        name=called(installation.system.name, "erasure_sensor"),
        job=job,
        minimum_interval_seconds=300,
        default_status=sensor_status(installation),
    )
    def erasure(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        from orchestration.erasure import due, under_way

        people = [table for table in installation.system.tables if table.person]
        names = sorted(path.name for table in people for path in installation.lake.files(f"tables/{table.name}"))
        state = hashlib.sha256("\n".join([*under_way(installation), *names]).encode()).hexdigest()
        if state == context.cursor:
            return dg.SensorResult(skip_reason="nobody was added and no table changed since the last look")
        waiting = due(installation)
        if not waiting and not under_way(installation):
            return dg.SensorResult(skip_reason="nobody is to be erased", cursor=state)
        runs = [dg.RunRequest(run_key=f"erase {state[:24]} {installation.now():%Y-%m-%d %H}")]
        return dg.SensorResult(run_requests=runs)

    return erasure
