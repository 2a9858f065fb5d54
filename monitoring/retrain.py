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
OWES: Kind = "merit drop"  # a rollback for it is followed by a retraining
FOLLOWS: dict[Kind, str] = {
    "drift": "retrains, within its cooldown and daily budget",
    "merit drop": "rolls back, and retrains within its cooldown and daily budget",
    "skew": "rolls back, and nothing is trained until windows without skew",
}


class WindowEvidence(msgspec.Struct, frozen=True):
    """The finding of one window about one release; `present` is None where the window had too few rows.

    `id` names kind, window and release: the same window measured again replaces its entry. `at` is the window's end, or
    the moment since which what followed it is known. `clear` says whether it lies clearly below the limit; None:
    wherever nothing is present.
    """

    id: str
    kind: Kind
    at: datetime
    release: str
    present: bool | None
    detail: str = ""
    clear: bool | None = None

    @property
    def ends(self) -> bool:
        """Whether the window speaks for the end of a finding."""
        return self.present is False if self.clear is None else self.clear


class Action(msgspec.Struct, frozen=True):
    """What was done, when and why; its evidence is used up and causes no second action.

    owes       a rollback after which a retraining has to follow as soon as one may start
    scheduled  a nightly retraining: it answers what was found before it, and is none of the daily budget
    """

    at: datetime
    retrained: bool
    rolled_back: bool
    reason: str
    evidence: tuple[str, ...] = ()
    owes: bool = False
    scheduled: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, why, and on which evidence: first the rollback, then the retraining.

    frozen  why nothing may be trained, empty where it may
    owes    whether a retraining has to follow later, because none may start now
    """

    retrain: bool
    roll_back: bool
    reason: str
    evidence: tuple[str, ...] = ()
    frozen: str = ""
    owes: bool = False


def decide(
    evidence: Sequence[WindowEvidence], history: Sequence[Action], now: datetime, watch: Watch, live: str | None = None,
    broken: str = "",
) -> Decision:  # fmt: skip
    """What follows from the evidence about the live release; with None for `live`, about any release.

    A retraining waits for the cooldown, the daily budget and the end of a freeze. A rollback waits for none of them: a
    release with a lower merit, or with other features than it was trained on, serves worse feeds until it is replaced,
    and the first rollback uses its evidence up. A finding that was answered is answered again only where it ended in
    between, or where every newer window has it.

    broken  why nothing may be learned from the newest days; empty where they are as usual
    """
    frozen = "; ".join(filter(None, (frozen_by_skew(evidence, now, watch), broken)))
    relevant = [e for e in evidence if e.at <= now and live in (None, e.release)]
    confirmed = {kind: _confirmed([e for e in relevant if e.kind == kind], history, watch) for kind in KINDS}
    owed = _owed(history)
    if not owed and not any(confirmed.values()):
        return Decision(False, False, frozen or "nothing confirmed", (), frozen)
    why = [_sentence(kind, findings, watch) for kind, findings in confirmed.items() if findings]
    why += [f"owed since the rollback of {owed.at:%Y-%m-%d %H:%M} UTC: {owed.reason}"] if owed else []
    asks = owed is not None or any(confirmed[kind] for kind in RETRAIN)
    blocked = frozen or (_blocked(history, now, watch) if asks else "")
    retrain, roll_back = asks and not blocked, any(confirmed[kind] for kind in FALL_BACK)
    spent = [e.id for kind in KINDS for e in confirmed[kind] if kind in FALL_BACK or retrain]
    spent += owed.evidence if owed and retrain else ()
    reason = "; ".join([*why, f"no retraining: {blocked}"] if blocked else why)
    return Decision(retrain, roll_back, reason, tuple(spent), frozen, owes=bool(confirmed[OWES]) and not retrain)


def frozen_by_skew(evidence: Sequence[WindowEvidence], now: datetime, watch: Watch) -> str:
    """Why nothing may be trained now: skew is confirmed, of whatever release; empty where training may go on.

    It ends when newer windows clearly have none, or `watch.freeze` after the last window with skew: where nothing is
    served from a release any more, nothing can be measured either.
    """
    recent = [e for e in evidence if e.kind == "skew" and now - watch.freeze < e.at <= now]
    skewed = lasting(recent, watch)
    if not skewed:
        return ""
    until = skewed[-1].at + watch.freeze
    return f"training is frozen until windows without skew, or {until:%Y-%m-%d}: {_sentence('skew', skewed, watch)}"


def lasting(evidence: Sequence[WindowEvidence], watch: Watch) -> list[WindowEvidence]:
    """The windows that have a finding which has begun and not ended, oldest first; none where there is no such finding.

    It begins when `confirm` of the `of_last` newest measured windows have it, and ends when as many clearly have not.
    """
    measured, since, lasts = _measured(evidence), 0, False
    for i in range(len(measured)):
        newest = measured[max(since, i + 1 - watch.of_last) : i + 1]
        if lasts and sum(e.ends for e in newest) >= watch.confirm:
            since, lasts = i + 1, False
        elif sum(bool(e.present) for e in newest) >= watch.confirm:
            lasts = True
    return [e for e in measured[since:] if e.present] if lasts else []


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
    measured = _measured(evidence)
    if not _asks_again(measured, spent, watch):
        return []
    newest = measured[-watch.of_last :]
    confirming = [e for e in newest if e.present and e.id not in spent and (answered is None or e.at > answered)]
    return confirming if len(confirming) >= watch.confirm else []


def _asks_again(measured: Sequence[WindowEvidence], spent: set[str], watch: Watch) -> bool:
    """Whether a finding may be answered: for the first time, after it ended, or where every newer window has it."""
    last = max((i for i, e in enumerate(measured) if e.id in spent), default=None)
    if last is None:
        return True
    newer = measured[last + 1 :]
    ended = any(
        sum(e.ends for e in newer[max(0, i + 1 - watch.of_last) : i + 1]) >= watch.confirm for i in range(len(newer))
    )
    return ended or all(e.present for e in newer[-watch.of_last :])


def _owed(history: Sequence[Action]) -> Action | None:
    """The newest rollback that a retraining has to follow and that none has followed yet."""
    owing = [a for a in history if a.owes]
    newest = max(owing, key=lambda a: a.at, default=None)
    followed = newest is not None and any(a.retrained and a.at >= newest.at for a in history)
    return None if followed else newest


def _blocked(history: Sequence[Action], now: datetime, watch: Watch) -> str:
    """Why no retraining may start now; empty when one may."""
    retrained = [a for a in history if a.retrained]
    last = max((a.at for a in retrained), default=None)
    if last is not None and now - last < watch.cooldown:
        return f"cooldown until {last + watch.cooldown:%Y-%m-%d %H:%M} UTC"
    today = sum(now - a.at < timedelta(days=1) for a in retrained if not a.scheduled)
    if today >= watch.daily_budget:
        return f"{today} retrainings in the last 24 hours, the daily budget is {watch.daily_budget}"
    return ""


def _sentence(kind: Kind, findings: Sequence[WindowEvidence], watch: Watch) -> str:
    newest = f" ({findings[-1].detail})" if findings[-1].detail else ""
    return f"{kind} in {len(findings)} of the last {watch.of_last} windows{newest}"
