"""A release that passed its gates and was proven begins its way to all askers; the first of a system goes live."""

from dataclasses import dataclass

from infra.errors import MoveRefused
from infra.machine_decisions import Did, MachineDecision, note
from infra.settings import AT_ONCE
from orchestration.system import Installation
from training.registry import Stage

WHO = "dagster"


@dataclass(frozen=True, slots=True)
class Entered:
    """Where a release stands now, and a sentence that says so."""

    stage: Stage
    says: str


def entered(installation: Installation, version: str, why: str) -> Entered:
    """Put a release on trial in shadow; where no release is live, or trials are switched off, make it live.

    While another release is on trial it waits, gated; what the machinery did is written down.
    """
    registry, at = installation.registry, installation.now()
    was = registry.live()
    try:
        if installation.settings.rollout == AT_ONCE:
            registry.promote(version, who=WHO, why=why, at=at)
        else:
            registry.enter(version, WHO, why, at)
    except MoveRefused as refused:
        outcome = Entered(
            registry.stage_of(version), f"{refused} Until then it waits (`flywheel enter {version} --why …`)."
        )
        _note(installation, "hold", version, outcome.says)
        return outcome
    stage = registry.stage_of(version)
    outcome = Entered(stage, _says(version, stage, was))
    _note(installation, "promote" if stage is Stage.CHAMPION else "enter", version, f"{outcome.says} {why}")
    return outcome


def _says(version: str, stage: Stage, was: str | None) -> str:
    if stage is Stage.CHAMPION:
        return f"release {version} is live."
    return f"release {version} is in {stage}, release {was} is live."


def _note(installation: Installation, did: Did, version: str, says: str) -> None:
    note(installation.settings.part, MachineDecision(installation.now(), did, says, version))
