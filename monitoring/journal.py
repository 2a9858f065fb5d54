"""The journal of monitoring: past evidence and actions, as JSON small enough for a sensor's cursor."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from monitoring.definition import JOURNAL_LENGTH
from monitoring.retrain import FALL_BACK, OWES, Action, Decision, WindowEvidence


class Journal(msgspec.Struct, frozen=True):
    """Evidence and actions of one system, oldest first."""

    evidence: tuple[WindowEvidence, ...] = ()
    actions: tuple[Action, ...] = ()

    @classmethod
    def from_json(cls, raw: str | bytes | None) -> "Journal":
        """The journal written by `to_json`; nothing written is an empty journal."""
        return msgspec.json.decode(raw, type=cls) if raw else cls()

    def to_json(self) -> str:
        """The journal as text."""
        return msgspec.json.encode(self, order="deterministic").decode()

    def with_evidence(self, evidence: Iterable[WindowEvidence], now: datetime) -> "Journal":
        """This journal with more evidence: a window measured again replaces its old entry, old entries are removed."""
        latest = {e.id: e for e in (*self.evidence, *evidence) if now - e.at < JOURNAL_LENGTH}
        actions = tuple(a for a in self.actions if now - a.at < JOURNAL_LENGTH)
        return Journal(tuple(sorted(latest.values(), key=lambda e: (e.at, e.id))), actions)

    def with_action(self, decision: Decision, now: datetime) -> "Journal":
        """This journal with the action that followed from a decision; unchanged where nothing was done."""
        if not (decision.retrain or decision.roll_back):
            return self
        action = Action(now, decision.retrain, decision.roll_back, decision.reason, decision.evidence, decision.owes)
        return Journal(self.evidence, (*self.actions, action))

    def with_rollback(self, release: str, at: datetime, why: str) -> "Journal":
        """This journal with a rollback of a release that was carried out and not written down, as after a crash."""
        spent = tuple(e.id for e in self.evidence if e.release == release and e.kind in FALL_BACK and e.at <= at)
        action = Action(at, False, True, why, spent, owes=OWES in why)
        return Journal(self.evidence, (*self.actions, action))
