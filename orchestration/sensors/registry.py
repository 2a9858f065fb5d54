"""The registry tells one truth: settled every minute and before anything starts, and an alert where it did not."""

import hashlib

import dagster as dg

from infra import alerts
from infra.errors import FlywheelError
from orchestration.system import Installation

CHECK, CHAMPION = "one_truth", "champion"
SAYS = "history, MLflow's aliases and the pointer that serving follows name the same release"


def settle_registry(installation: Installation) -> list[str]:
    """Finish and put right what a crash or another hand left behind; a sentence about each, written as an alert too."""
    said = _looked(installation)
    for sentence in said:
        alerts.write(
            installation.settings.home, installation.now(), registry=installation.system.name, disagreement=sentence
        )
    return said


def registry_sensor(installation: Installation) -> dg.SensorDefinition:
    """Settles the registry every minute; a disagreement becomes an alert, and shows as a failed check of `champion`.

    The cursor is the last finding: what could not be put right is told once, not every minute.
    """

    @dg.sensor(
        name="registry_sensor",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Sees to it that {SAYS}.",
    )
    def agreement(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        said = _looked(installation)
        key = hashlib.sha256("\n".join(said).encode()).hexdigest()[:24] if said else "agrees"
        if key == (context.cursor or "agrees"):
            reason = said[0] if said else f"Nothing to do: {SAYS}."
            return dg.SensorResult(skip_reason=dg.SkipReason(reason), cursor=key)
        for sentence in said:
            context.log.error(sentence)
            alerts.write(
                installation.settings.home, installation.now(), registry=installation.system.name, disagreement=sentence
            )
        return dg.SensorResult(asset_events=[_evaluated(said)] if installation.system.policy else [], cursor=key)

    return agreement


def registry_check_spec() -> dg.AssetCheckSpec:
    """The check of the live release."""
    return dg.AssetCheckSpec(CHECK, asset=CHAMPION, blocking=True, description=SAYS)


def registry_check_result(said: list[str]) -> dg.AssetCheckResult:
    """The check's outcome: every sentence is a disagreement."""
    return dg.AssetCheckResult(check_name=CHECK, passed=not said, metadata={"says": " ".join(said) or SAYS})


def _evaluated(said: list[str]) -> dg.AssetCheckEvaluation:
    """The same outside a run."""
    made = registry_check_result(said)
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(CHAMPION), check_name=CHECK, passed=made.passed, metadata=dict(made.metadata)
    )


def _looked(installation: Installation) -> list[str]:
    try:
        return installation.registry.settle()
    except FlywheelError as lost:  # nothing is put right where the history is lost or MLflow does not answer
        return [str(lost)]
