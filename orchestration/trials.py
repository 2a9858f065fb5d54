"""A look at the release on trial: its facts, what follows from them, the move, and what is written down about it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from infra import alerts
from infra.atomic import atomic_write
from infra.errors import FlywheelError
from infra.machine_decisions import Did, MachineDecision, note
from monitoring.trial import Does, LastReport, TrialDecision, TrialRules, decide_trial, trial_report
from orchestration.system import Installation
from orchestration.trial_facts import facts_of
from training.registry import Trial

WHO = "trial sensor"
REPORT = "trial.json"
DID: Mapping[Does, Did] = {"advance": "advance", "hold": "hold", "abort": "abort", "finish": "abort"}


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a trial decided, what was done about it, and why not where something stood against it."""

    trial: Trial
    decision: TrialDecision
    did: Did
    says: str


def look(installation: Installation) -> Look | None:
    """Decide about the release on trial by what is known now, and move it; None where none is, or none may be tried.

    Who moved a release in the meantime wins: the move is refused then, and the next look sees the new stage.
    """
    rules, registry, now = installation.system.trial, installation.registry, installation.now()
    if rules is None:
        return None
    epoch = registry.epoch()
    trial = registry.trial()
    if trial is None:
        return None
    facts = facts_of(installation, rules, trial, now)
    decision = decide_trial(facts, rules, now)
    earlier = read_report(installation)
    did, says = _act(installation, trial, decision, now, epoch)
    report = trial_report(facts, decision, now, champion=registry.live(), stage=str(trial.stage), earlier=earlier)
    with atomic_write(installation.settings.reports / REPORT) as draft:
        draft.write_bytes(msgspec.json.encode(report))
    if did != "hold" or _is_news(earlier, trial, decision):
        note(installation.settings.part, MachineDecision(now, did, says, trial.version, decision.evidence))
    return Look(trial, decision, did, says)


def due(rules: TrialRules, trial: Trial, last: LastReport | None, now: datetime) -> bool:
    """Whether it is time for another look, after the report of the last one."""
    if last is None or (last.release, last.stage) != (trial.version, str(trial.stage)) or last.at > now:
        return True
    return now - last.at >= rules.pause_of(trial.share)


def read_report(installation: Installation) -> LastReport | None:
    """The report of the last look; None where there is none, or none that can be read."""
    try:
        return LastReport.read((installation.settings.reports / REPORT).read_bytes())
    except FileNotFoundError:
        return None


def _act(
    installation: Installation, trial: Trial, decision: TrialDecision, now: datetime, epoch: int
) -> tuple[Did, str]:
    """Make the move that follows, and say what was done."""
    says = f"release {trial.version}, {trial.stage}: {decision.reason}"
    if decision.does == "hold":
        return "hold", says
    if trial.paused:
        return "hold", f"{says}; it would {decision.does}, and is paused (`flywheel resume`)"
    evidence = json.dumps(dict(decision.evidence))
    try:
        if decision.does == "advance":
            installation.registry.advance(WHO, decision.reason, now, evidence, epoch)
        else:
            installation.registry.abort(WHO, decision.reason, now, evidence, epoch)
            _alert(installation, now, says)
    except FlywheelError as refused:  # somebody else moved first, or the release's files are gone
        _alert(installation, now, f"{says}; not done: {refused}")
        return "refuse", f"{says}; not done: {refused}"
    return DID[decision.does], says


def _alert(installation: Installation, now: datetime, says: str) -> None:
    alerts.write(installation.settings.home, now, trial=installation.system.name, says=says)


def _is_news(last: LastReport | None, trial: Trial, decision: TrialDecision) -> bool:
    """Whether waiting is worth a line: at the first look of a stage, and when it would do something else."""
    if last is None:
        return True
    return (last.release, last.stage, last.does) != (trial.version, str(trial.stage), decision.does)
