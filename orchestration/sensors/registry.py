"""History, aliases and pointer are brought into agreement every minute and before a start; what stays is alerted."""

import hashlib

import dagster as dg

from infra import alerts
from infra.errors import FlywheelError
from orchestration.drill import finish_interrupted
from orchestration.naming import called, key
from orchestration.system import Installation

CHECK, CHAMPION = "one_truth", "champion"
SAYS = "history, MLflow's aliases and the pointer that serving follows name the same release"


def settle_registry(installation: Installation) -> list[str]:
    """Finish and repair what a crash or a change by hand left behind; returns a sentence about each, also alerted."""
    disagreements = _settled(installation)
    for sentence in disagreements:
        alerts.write(
            installation.settings.home, installation.now(), registry=installation.system.name, disagreement=sentence
        )
    return disagreements


def registry_sensor(installation: Installation) -> dg.SensorDefinition:
    """Settles the registry every minute; a disagreement becomes an alert, and shows as a failed check of `champion`.

    The cursor is the last finding: what could not be repaired is alerted once, not every minute.
    """

    @dg.sensor(
        name=called(installation.system.name, "registry_sensor"),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Sees to it that {SAYS}.",
    )
    def agreement(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        disagreements = _settled(installation)
        finding = hashlib.sha256("\n".join(disagreements).encode()).hexdigest()[:24] if disagreements else "agrees"
        if finding == (context.cursor or "agrees"):
            reason = disagreements[0] if disagreements else f"Nothing to do: {SAYS}."
            return dg.SensorResult(skip_reason=dg.SkipReason(reason), cursor=finding)
        for sentence in disagreements:
            context.log.error(sentence)
            alerts.write(
                installation.settings.home, installation.now(), registry=installation.system.name, disagreement=sentence
            )
        return dg.SensorResult(
            asset_events=[_evaluated(installation, disagreements)] if installation.system.policy else [], cursor=finding
        )

    return agreement


def registry_check_spec() -> dg.AssetCheckSpec:
    """The check of the live release."""
    return dg.AssetCheckSpec(CHECK, asset=CHAMPION, blocking=True, description=SAYS)


def registry_check_result(disagreements: list[str]) -> dg.AssetCheckResult:
    """The check's outcome: every sentence is a disagreement."""
    return dg.AssetCheckResult(
        check_name=CHECK, passed=not disagreements, metadata={"says": " ".join(disagreements) or SAYS}
    )


def _evaluated(installation: Installation, disagreements: list[str]) -> dg.AssetCheckEvaluation:
    """The same outcome, for the sensor: it is recorded outside a run."""
    result = registry_check_result(disagreements)
    champion = dg.AssetKey(key(installation.system.name, CHAMPION))
    return dg.AssetCheckEvaluation(
        asset_key=champion, check_name=CHECK, passed=result.passed, metadata=dict(result.metadata)
    )


def _settled(installation: Installation) -> list[str]:
    try:
        return [*installation.registry.settle(), *_drill_finished(installation)]
    except FlywheelError as lost:  # without the history, or without MLflow's answer, nothing is repaired
        return [str(lost)]


def _drill_finished(installation: Installation) -> list[str]:
    """A sentence when a drill had taken back what is live, and its process died before it was live again."""
    version = finish_interrupted(installation)
    return [f"A drill was interrupted: release {version} is live again."] if version else []
