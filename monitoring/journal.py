"""What monitoring remembers between two looks: evidence and actions, as JSON small enough for a sensor's cursor."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from monitoring.retrain import Action, Decision, WindowEvidence

KEPT = timedelta(days=30)  # long beyond every window and cooldown, short enough for a cursor


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

    def seen(self, found: Iterable[WindowEvidence], now: datetime) -> "Journal":
        """With more evidence; a window measured again replaces what it said, and what is too old is let go."""
        latest = {e.id: e for e in (*self.evidence, *found) if now - e.at < KEPT}
        actions = tuple(a for a in self.actions if now - a.at < KEPT)
        return Journal(tuple(sorted(latest.values(), key=lambda e: (e.at, e.id))), actions)

    def acted(self, decision: Decision, now: datetime) -> "Journal":
        """With what was done about a decision; to do nothing leaves no trace, so that it can be decided anew."""
        if not (decision.retrain or decision.roll_back):
            return self
        action = Action(now, decision.retrain, decision.roll_back, decision.reason, decision.evidence)
        return Journal(self.evidence, (*self.actions, action))
