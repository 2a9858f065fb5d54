"""From evidence to a decision: retrain, roll back, freeze training, or nothing, with the reason.

The caller keeps the journal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from monitoring.definition import Watch

Kind = Literal["drift", "merit drop", "skew"]
KINDS: tuple[Kind, ...] = ("drift", "merit drop", "skew")
FALL_BACK: tuple[Kind, ...] = ("merit drop", "skew")
RETRAIN: tuple[Kind, ...] = ("drift", "merit drop")
FOLLOWS: dict[Kind, str] = {
    "drift": "retrains, within its cooldown and daily budget",
    "merit drop": "rolls back, and retrains within its cooldown and daily budget",
    "skew": "rolls back, and nothing is trained until windows without skew",
}


class WindowEvidence(msgspec.Struct, frozen=True):
    """The finding of one window about one release; `present` is None where the window had too few rows.

    `id` names kind, window and release: the same window measured again replaces its entry. `at` is the window's end.
    """

    id: str
    kind: Kind
    at: datetime
    release: str
    present: bool | None
    detail: str = ""


class Action(msgspec.Struct, frozen=True):
    """What was done, when and why; its evidence is used up and causes no second action."""

    at: datetime
    retrained: bool
    rolled_back: bool
    reason: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, why, and on which evidence; `frozen` says why nothing may be trained, empty where it may."""

    retrain: bool
    roll_back: bool
    reason: str
    evidence: tuple[str, ...] = ()
    frozen: str = ""


def decide(
    evidence: Sequence[WindowEvidence], history: Sequence[Action], now: datetime, watch: Watch, live: str | None = None
) -> Decision:
    """What follows from the evidence about the live release; with None for `live`, about any release.

    A retraining waits for the cooldown, the daily budget and the end of a freeze. A rollback waits for none of them: a
    release with a lower merit, or with other features than it was trained on, serves worse feeds until it is replaced,
    and the first rollback uses its evidence up.
    """
    frozen = frozen_by_skew(evidence, now, watch)
    relevant = [e for e in evidence if e.at <= now and live in (None, e.release)]
    confirmed = {kind: _confirmed([e for e in relevant if e.kind == kind], history, watch) for kind in KINDS}
    if not any(confirmed.values()):
        return Decision(False, False, frozen or "nothing confirmed", (), frozen)
    why = "; ".join(_sentence(kind, findings, watch) for kind, findings in confirmed.items() if findings)
    asks = any(confirmed[kind] for kind in RETRAIN)
    blocked = frozen or (_blocked(history, now, watch) if asks else "")
    retrain, roll_back = asks and not blocked, any(confirmed[kind] for kind in FALL_BACK)
    spent = tuple(e.id for kind in KINDS for e in confirmed[kind] if kind in FALL_BACK or retrain)
    return Decision(retrain, roll_back, f"{why}; no retraining: {blocked}" if blocked else why, spent, frozen)


def frozen_by_skew(evidence: Sequence[WindowEvidence], now: datetime, watch: Watch) -> str:
    """Why nothing may be trained now: skew is confirmed, of whatever release; empty where training may go on.

    It ends when newer windows are equal, or `watch.freeze` after the last window with skew: where nothing is served
    from a release any more, nothing can be measured either.
    """
    recent = [e for e in evidence if e.kind == "skew" and now - watch.freeze < e.at <= now]
    newest = _measured(recent)[-watch.of_last :]
    skewed = [e for e in newest if e.present]
    if len(skewed) < watch.confirm:
        return ""
    until = skewed[-1].at + watch.freeze
    return f"training is frozen until windows without skew, or {until:%Y-%m-%d}: {_sentence('skew', skewed, watch)}"


def describe_windows(evidence: Sequence[WindowEvidence], kind: Kind, watch: Watch) -> str:
    """The newest windows of one release in a sentence, and what follows; of a window measured again, the last entry."""
    newest = _measured([e for e in evidence if e.kind == kind])[-watch.of_last :]
    count = sum(bool(e.present) for e in newest)
    counted = f"{kind} in {count} of the last {len(newest)} measured windows"
    if count >= watch.confirm:
        return f"{counted}: confirmed. The retraining sensor {FOLLOWS[kind]}."
    return f"{counted}: nothing follows. {watch.confirm} of {watch.of_last} confirm it."


def _measured(evidence: Sequence[WindowEvidence]) -> list[WindowEvidence]:
    """The last entry of each window, oldest window first, without those that had too few rows."""
    latest = {e.id: e for e in evidence}
    return sorted((e for e in latest.values() if e.present is not None), key=lambda e: (e.at, e.id))


def _confirmed(evidence: Sequence[WindowEvidence], history: Sequence[Action], watch: Watch) -> list[WindowEvidence]:
    """The windows that confirm a finding, oldest first, or none; those before the last retraining do not count."""
    spent = {name for action in history for name in action.evidence}
    answered = max((a.at for a in history if a.retrained), default=None)
    newest = _measured(evidence)[-watch.of_last :]
    confirming = [e for e in newest if e.present and e.id not in spent and (answered is None or e.at > answered)]
    return confirming if len(confirming) >= watch.confirm else []


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
