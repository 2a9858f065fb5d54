"""The failure sensor: every failed run becomes an alert."""

import dagster as dg

from infra import alerts
from orchestration.switches import sensor_status
from orchestration.system import Installation


def failure_sensor(installation: Installation) -> dg.SensorDefinition:
    """Writes every failed run to `alerts.jsonl`, a line each, for whatever wakes people up where you are."""

    @dg.run_failure_sensor(
        name="failure_sensor",
        description="every failed run becomes a line of alerts.jsonl",
        default_status=sensor_status(installation),
    )
    def failure(context: dg.RunFailureSensorContext) -> None:
        alerts.write(
            installation.settings.home,
            installation.now(),
            run=context.dagster_run.run_id,
            job=context.dagster_run.job_name,
            partition=context.dagster_run.tags.get("dagster/partition"),
            error=context.failure_event.message,
        )

    return failure
