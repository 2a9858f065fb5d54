"""How a case gets its number: the score or the base, and what was said last for the same thing."""

import struct
from collections.abc import Mapping
from math import inf
from typing import Any

from feature_repo.records import joined
from serving.asker import CaseState, Command
from serving.case_policy import Hold, Say, ServedCases
from serving.deciding.decision import Case, Decision, Scored
from serving.deciding.rungs import DEFAULT

_RECORD = struct.Struct("<dd")  # the number, and when it was said


class Last:
    """What was said last for each value of a column, in Redis: for all workers."""

    def __init__(self, project: str, hold: Hold) -> None:
        self._prefix, self._hold, self.by = f"fw:{project}!said:{hold.by}:", hold, hold.by

    def read(self, given: Mapping[str, Any]) -> Command:
        """The command that reads it."""
        return ("GET", self._prefix + joined((given[self._hold.by],)))

    def write(self, decision: Decision) -> Command:
        """The command that notes what is said now."""
        record = _RECORD.pack(decision.value or 0.0, decision.state.at)
        key = self._prefix + joined((decision.case.given[self._hold.by],))
        return ("SET", key, record, "EX", max(1, int(self._hold.remember_s)))

    def held(self, value: float, now: float, reply: Any) -> float:
        """The number to say: the last one, run down to now, unless the new one differs by more than `within`."""
        if not isinstance(reply, bytes) or len(reply) != _RECORD.size:
            return value
        last, at = _RECORD.unpack(reply)
        return held(value, last, now - at, self._hold)


def held(value: float, last: float, waited_s: float, hold: Hold) -> float:
    """The number to say `waited_s` after the last one: that one, run down, or the new one where it is news."""
    if hold.each_s:
        last -= waited_s / hold.each_s
    return value if abs(value - last) > hold.within or last < 0 else last


Most = tuple[float, float]


def most_of(served: ServedCases) -> Most:
    """The largest number and the largest promise that the log's columns can have."""
    policy = served.policy
    names = (policy.value, policy.promise) if isinstance(policy, Say) else ()
    highs = {column.name: column.high for column in served.decisions.columns if column.high is not None}
    number, promise = (float(highs.get(name, inf)) for name in (*names, "", "")[:2])
    return number, promise


def said(
    policy: Say, case: Case, state: CaseState, scored: Scored, request_id: str, last: Last | None, before: Any,
    most: Most,
) -> Decision:  # fmt: skip
    """The number of a case: a score without states is not believed, the base is. `before` is what `last` read."""
    known = scored.score is not None and not state.why
    base = case.given.get(policy.base)
    value = scored.score if known and scored.score is not None else float(base if base is not None else policy.least)
    value = min(max(value, policy.least), most[0])
    decision = Decision(
        case, state, request_id, scored.rung if known else DEFAULT, scored.why, score=value if known else None,
        features=scored.features if known else None, release=scored.release if known else None, took_s=scored.took_s,
    )  # fmt: skip
    decision.value = min(max(last.held(value, state.at, before), policy.least), most[0]) if last else value
    if known and scored.promise is not None:
        decision.promise = min(max(scored.promise, decision.value), most[1])
    return decision
