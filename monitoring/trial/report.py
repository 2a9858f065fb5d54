"""The report of a trial as plain data: where it stands, what was compared, and the goal's interval at every look."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import msgspec

from monitoring.trial.decide import TrialDecision
from monitoring.trial.facts import TrialFacts
from monitoring.trial.findings import TrialFinding

MOST_LOOKS = 2_000  # a look an hour, for more than eighty days


class LastReport(msgspec.Struct, frozen=True):
    """What the next look needs of the report of the last one."""

    at: datetime
    release: str
    stage: str
    entered: datetime
    does: str
    looks: list[dict[str, Any]]

    @classmethod
    def read(cls, raw: bytes) -> "LastReport | None":
        """The report as it was written; None where it cannot be read."""
        try:
            return msgspec.json.decode(raw, type=cls)
        except msgspec.MsgspecError:
            return None


def trial_report(
    facts: TrialFacts, decision: TrialDecision, now: datetime, *, champion: str | None, stage: str,
    earlier: LastReport | None,
) -> dict[str, Any]:  # fmt: skip
    """What console, metrics and people read; `earlier` is the report before, whose looks of this trial are kept."""
    same = earlier is not None and (earlier.release, earlier.entered) == (facts.release, facts.entered)
    looks = [*(earlier.looks if same and earlier else []), _look(facts, decision, now)]
    return {
        "at": now.isoformat(), "release": facts.release, "champion": champion, "stage": stage, "share": facts.share,
        "entered": facts.entered.isoformat(), "since": facts.since.isoformat(), "does": decision.does,
        "reason": decision.reason, "askers": [*facts.askers],
        "sample_ratio": decision.evidence.get("chance of these askers"), "in_both": facts.changed,
        "left_out": dict(facts.left_out), "levels": dict(facts.levels),
        "goal": _finding(decision.goal) if decision.goal else None,
        "findings": [_finding(each) for each in decision.findings], "looks": looks[-MOST_LOOKS:],
        "shadow": asdict(facts.shadow),
    }  # fmt: skip


def _look(facts: TrialFacts, decision: TrialDecision, now: datetime) -> dict[str, Any]:
    between = decision.goal.difference if decision.goal else None
    value, low, high = (between.mean, between.low, between.high) if between else (None, None, None)
    return {
        "at": now.isoformat(), "share": facts.share, "value": value, "low": low, "high": high, "does": decision.does,
    }  # fmt: skip


def _finding(finding: TrialFinding) -> dict[str, Any]:
    between = finding.difference
    return {
        "measure": finding.measure, "slice": finding.slice, "part": finding.part, "trial": finding.trial,
        "control": finding.control, "value": between.mean, "low": between.low, "high": between.high,
        "harm": finding.harm, "at_most": finding.at_most, "relative": finding.relative, "state": finding.state,
        "says": finding.says(),
    }  # fmt: skip
