"""Evidence becomes a decision: retrain, roll back, or leave it, with the reason. Pure: the caller keeps the journal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from monitoring.definition import Watch

Kind = Literal["drift", "auc drop"]
KINDS: tuple[Kind, ...] = ("drift", "auc drop")


class WindowEvidence(msgspec.Struct, frozen=True):
    """What one window said about one release; `present` is None where the window had too few rows to say anything.

    `id` names kind, window and release: the same window measured again replaces what it said. `at` is the window's end.
    """

    id: str
    kind: Kind
    at: datetime
    release: str
    present: bool | None
    detail: str = ""


class Action(msgspec.Struct, frozen=True):
    """What was done, when and why; the evidence it rests on is spent and causes nothing twice."""

    at: datetime
    retrained: bool
    rolled_back: bool
    reason: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, why, and on which evidence."""

    retrain: bool
    roll_back: bool
    reason: str
    evidence: tuple[str, ...] = ()


def decide(
    evidence: Sequence[WindowEvidence], history: Sequence[Action], now: datetime, watch: Watch, live: str | None = None
) -> Decision:
    """What the evidence about the live release asks for; None for `live` takes evidence about any release.

    A retraining waits for the cooldown and the daily budget. A rollback waits for neither: a release that lost its AUC
    serves worse feeds every minute, and its evidence is spent by the first rollback.
    """
    known = [e for e in evidence if e.at <= now and live in (None, e.release)]
    found = {kind: _confirmed([e for e in known if e.kind == kind], history, watch) for kind in KINDS}
    if not any(found.values()):
        return Decision(False, False, "nothing confirmed")
    why = "; ".join(_sentence(kind, findings, watch) for kind, findings in found.items() if findings)
    blocked = _blocked(history, now, watch)
    spent = tuple(e.id for kind in KINDS for e in found[kind] if kind == "auc drop" or not blocked)
    return Decision(not blocked, bool(found["auc drop"]), f"{why}; no retraining: {blocked}" if blocked else why, spent)


def standing(evidence: Sequence[WindowEvidence], kind: Kind, watch: Watch) -> str:
    """What the newest windows of one release add up to, in a sentence; a window measured again counts as last told."""
    newest = _measured([e for e in evidence if e.kind == kind])[-watch.of_last :]
    count = sum(bool(e.present) for e in newest)
    seen = f"{kind} in {count} of the last {len(newest)} measured windows"
    if count >= watch.confirm:
        return f"{seen}: confirmed. The retraining sensor retrains, within its cooldown and daily budget."
    return f"{seen}: nothing follows. {watch.confirm} of {watch.of_last} confirm it."


def _measured(evidence: Sequence[WindowEvidence]) -> list[WindowEvidence]:
    """What each window said last, oldest window first, without those that had too few rows."""
    latest = {e.id: e for e in evidence}
    return sorted((e for e in latest.values() if e.present is not None), key=lambda e: (e.at, e.id))


def _confirmed(evidence: Sequence[WindowEvidence], history: Sequence[Action], watch: Watch) -> list[WindowEvidence]:
    """The windows that confirm a finding, oldest first, or none; what a retraining has answered counts no more."""
    spent = {name for action in history for name in action.evidence}
    answered = max((a.at for a in history if a.retrained), default=None)
    newest = _measured(evidence)[-watch.of_last :]
    found = [e for e in newest if e.present and e.id not in spent and (answered is None or e.at > answered)]
    return found if len(found) >= watch.confirm else []


def _blocked(history: Sequence[Action], now: datetime, watch: Watch) -> str:
    """Why no retraining may start now; empty when one may."""
    times = [a.at for a in history if a.retrained]
    if times and now - max(times) < watch.cooldown:
        return f"cooldown until {max(times) + watch.cooldown:%Y-%m-%d %H:%M} UTC"
    today = sum(now - at < timedelta(days=1) for at in times)
    if today >= watch.daily_budget:
        return f"{today} retrainings in the last 24 hours, the daily budget is {watch.daily_budget}"
    return ""


def _sentence(kind: Kind, findings: Sequence[WindowEvidence], watch: Watch) -> str:
    newest = f" ({findings[-1].detail})" if findings[-1].detail else ""
    return f"{kind} in {len(findings)} of the last {watch.of_last} windows{newest}"
