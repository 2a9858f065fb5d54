"""The trial sensor: looks at the release on trial as often as its rules say, and moves it on or takes it away."""

import dagster as dg

from infra.errors import FlywheelError
from orchestration.naming import called
from orchestration.switches import sensor_status
from orchestration.system import Installation


def trial_sensor(installation: Installation) -> dg.SensorDefinition:
    """Looks itself, without a run: a release that does harm must not wait for a free worker."""

    @dg.sensor(
        name=called(installation.system.name, "trial_sensor"),
        minimum_interval_seconds=60,
        default_status=sensor_status(installation),
        description="looks at the release on trial: its guardrails, its goal; advances, holds or aborts it",
    )
    def trial(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        from orchestration import trials

        on_trial, rules = installation.registry.trial(), installation.system.trial
        if on_trial is None or rules is None:
            return dg.SkipReason("no release is on trial")
        if not trials.due(rules, on_trial, trials.read_report(installation), installation.now()):
            pause = rules.pause_of(on_trial.share)
            return dg.SkipReason(f"release {on_trial.version}, {on_trial.stage}: looked at less than {pause} ago")
        try:
            seen = trials.look(installation)
        except FlywheelError as failed:
            context.log.error(str(failed))
            raise
        return dg.SkipReason(seen.says[:2000] if seen else "no release is on trial")

    return trial
