"""A release that passed its gates and was proven begins its way to all askers; the first of a system goes live."""

from dataclasses import dataclass

from infra import alerts
from infra.errors import MoveRefused
from infra.machine_decisions import Did, MachineDecision, note
from infra.settings import AT_ONCE
from orchestration.system import Installation
from training.registry import Stage

WHO = "dagster"
BY_HAND = (
    "Nobody moves it but you, and later releases wait for it: {system} has no rules of a trial (`System.trial`, "
    "docs/trials.md). Move it on by `flywheel advance --why …`, or set FLYWHEEL_ROLLOUT=at_once."
)


@dataclass(frozen=True, slots=True)
class Entered:
    """Where a release stands now, and a sentence that says so."""

    stage: Stage
    says: str


def entered(installation: Installation, version: str, why: str) -> Entered:
    """Put a release on trial in shadow; where no release is live, or trials are switched off, make it live.

    While another release is on trial it waits, gated; what the machinery did is written down. Where nothing moves a
    trial on by itself, that is an alert: what is retrained would reach nobody.
    """
    registry, at = installation.registry, installation.now()
    was = registry.live()
    try:
        if installation.settings.rollout == AT_ONCE:
            registry.promote(version, who=WHO, why=why, at=at)
        else:
            registry.enter(version, WHO, why, at)
    except MoveRefused as refused:
        says = f"{refused} Until then it waits (`flywheel enter {version} --why …`)."
        outcome = Entered(registry.stage_of(version), says + _by_hand(installation))
        _note(installation, "hold", version, outcome.says)
        return outcome
    stage = registry.stage_of(version)
    moved_by = "" if stage is Stage.CHAMPION else _by_hand(installation)
    outcome = Entered(stage, _says(version, stage, was) + moved_by)
    _note(installation, "promote" if stage is Stage.CHAMPION else "enter", version, f"{outcome.says} {why}")
    return outcome


def _says(version: str, stage: Stage, was: str | None) -> str:
    if stage is Stage.CHAMPION:
        return f"release {version} is live."
    return f"release {version} is in {stage}, release {was} is live."


def _by_hand(installation: Installation) -> str:
    """Who moves the release on trial, where no sensor does; people are told. Empty where one does."""
    if installation.system.trial is not None:
        return ""
    says = BY_HAND.format(system=installation.system.name)
    trial = installation.registry.trial()
    on_trial = f"release {trial.version} is on trial. " if trial else ""
    alerts.write(installation.settings.home, installation.now(), trial=installation.system.name, says=on_trial + says)
    return f" {says}"


def _note(installation: Installation, did: Did, version: str, says: str) -> None:
    note(installation.settings.part, MachineDecision(installation.now(), did, says, version))
