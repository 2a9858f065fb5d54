"""Dagster jobs that move what is live: the rollback, with a reason, and its drill."""

import dagster as dg

from orchestration.drill import drill
from orchestration.naming import called
from orchestration.switches import schedule_status
from orchestration.system import Installation

ROLLBACK, DRILL = "rollback", "drill"
WHEN, WHY = "15 5 * * 1", "every Monday: the live release is rolled back and made live again; it is measured and noted"


class Reason(dg.Config):
    """Why what is live is moved; it is kept in the history."""

    why: str


def release_jobs(installation: Installation) -> dict[str, dg.JobDefinition]:
    """The jobs by name: `rollback` asks for a reason in its launchpad; `drill` asks for nothing."""
    return {ROLLBACK: _rollback(installation), DRILL: _drill(installation)}


def drill_schedule(installation: Installation, job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """The schedule of the drill."""
    return dg.ScheduleDefinition(
        name=called(installation.system.name, "drill_schedule"),
        job=job,
        cron_schedule=WHEN,
        execution_timezone="UTC",
        description=WHY,
        default_status=schedule_status(installation),
    )


def _rollback(installation: Installation) -> dg.JobDefinition:
    name = installation.system.name

    @dg.op(
        name=called(name, "roll_back"), description="the previous release is live again, with all that belongs to it"
    )
    def roll_back(context: dg.OpExecutionContext, config: Reason) -> str:
        was = installation.registry.live()
        version = installation.registry.rollback("dagster", config.why, installation.now())
        context.log.info(f"release {version} is live again; it was {was}")
        context.add_output_metadata({"was": was or "none", "live": version, "why": config.why})
        return version

    @dg.job(
        name=called(name, ROLLBACK),
        executor_def=dg.in_process_executor,
        description="Makes the previous release live again. Launch it with the reason: `why`.",
    )
    def rollback() -> None:
        roll_back()

    return rollback


def _drill(installation: Installation) -> dg.JobDefinition:
    name = installation.system.name

    @dg.op(name=called(name, "drilled"), description="a rollback and back again, measured on the running service")
    def drilled(context: dg.OpExecutionContext) -> None:
        outcome = drill(installation)
        context.log.info(outcome.says)
        context.add_output_metadata({"did": outcome.did, "says": outcome.says, **outcome.evidence})

    @dg.job(name=called(name, DRILL), executor_def=dg.in_process_executor, description=WHY)
    def drill_job() -> None:
        drilled()

    return drill_job
