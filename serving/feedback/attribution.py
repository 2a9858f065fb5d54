"""Callers' events, accepted because a token attributes them to an answer or because the caller may ingest."""

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from math import ceil
from time import monotonic
from typing import Any

import msgspec

from infra.clock import written
from infra.errors import TokenRefused
from infra.pseudonyms import Pseudonyms
from serving.access import RefusedError, Roles
from serving.definition import Served
from serving.erased import Erased
from serving.feedback.event_log import Event
from serving.feedback.row_rules import RowRules
from serving.limits import Rates
from serving.tokens import Impression, Keys
from validation.definition import CLOCK_ERROR, OLDEST

CLOCK_ERROR_S, OLDEST_S = CLOCK_ERROR.total_seconds(), OLDEST.total_seconds()
REQUEST = "request_id"
encode = msgspec.json.Encoder().encode
EventRow = dict[str, Any]


class Attribution:
    """Accepts an event with a token as far as it agrees with the token, and others where the caller may ingest."""

    def __init__(self, served: Served, rates: Rates, erased: Erased, ids: Pseudonyms | None = None) -> None:
        self._erased = erased
        self._names, self._rates, self._feedback = served.policy.service.names, rates, served.policy.service.feedback
        (self._id,) = served.events.key
        self._texts = [c.name for c in served.events.columns if c.nullable and c.dtype == "string"]
        self._rules = RowRules(served.events)
        self._ids, self._person = ids, served.events.person

    def events(self, sent: Sequence[Any], roles: Roles, keys: Keys, now: float) -> list[Event]:
        """The events to land, none of an erased person.

        Raises RefusedError, naming the event's place and the rule, when one is not accepted.
        """
        proven: dict[str, Impression] = {}
        events, acting = [], Counter[str]()
        for place, event in enumerate(sent):
            at, row = f"$.events[{place}]", msgspec.structs.asdict(event)
            token = row.pop("token")
            row |= {name: None for name in self._texts if row[name] == ""}  # as ingestion reads files
            if self._ids is not None and self._person and row[self._person] is not None:
                row[self._person] = self._ids(row[self._person])  # before anything else sees it, a log least of all
            if token is None:
                self._must_be_allowed(row, at, roles)
            else:
                shown = proven.get(token) or proven.setdefault(token, _proven(token, at, keys, now))
                self._attribute(row, at, shown)
                acting[shown.user] += 1
            self._stamp(row, at, now)
            broken = self._rules.broken(row)
            if broken is not None:
                raise RefusedError(422, f"`{at}` breaks {broken.name}: {broken.why}")
            if row[self._names.user] in self._erased.people:  # acknowledged, so that no client sends it again
                continue
            events.append(Event(row[self._id], encode(row)))
        self._must_be_slow_enough(acting)
        return events

    def _must_be_allowed(self, row: EventRow, at: str, roles: Roles) -> None:
        if "ingest" not in roles:
            raise RefusedError(403, f"`{at}` has no `token`: events that belong to no answer need the role `ingest`")
        for name in (self._id, self._names.user):
            if row[name] is None:
                raise RefusedError(422, f"`{at}` has neither a `token` nor `{name}`")

    def _attribute(self, row: EventRow, at: str, shown: Impression) -> None:
        """Fill in what the token says; refuses what it contradicts."""
        names = self._names
        from_token = {names.user: shown.user, REQUEST: shown.request_id}
        if row[self._id] is not None:
            raise RefusedError(422, f"`{at}.{self._id}`: an event with a token gets its id from it; leave it out")
        for name, value in from_token.items():
            if row[name] not in {None, value}:
                raise RefusedError(422, f"`{at}.{name}` is another one than its token names")
        if not shown.shows(row[names.item]):
            raise RefusedError(422, f"`{at}.{names.item}` was not shown by the answer its token came with")
        if row[names.event_time].timestamp() < shown.issued_at - CLOCK_ERROR_S:
            raise RefusedError(422, f"`{at}.{names.event_time}` is before the answer, of {written(shown.issued_at)}")
        row |= {**from_token, self._id: action_id(shown.request_id, row[names.item], row[names.action])}

    def _stamp(self, row: EventRow, at: str, now: float) -> None:
        """Write the times as landing files do; an event a little ahead of our clock is received when it happens."""
        happened = row[self._names.event_time].timestamp()
        if not now - OLDEST_S <= happened <= now + CLOCK_ERROR_S:
            raise RefusedError(
                422, f"`{at}.{self._names.event_time}` is {row[self._names.event_time].isoformat()}, our clock says "
                f"{written(now)}: send events at most {OLDEST.days} days old and {CLOCK_ERROR_S:.0f} s ahead"
            )  # fmt: skip
        row[self._names.event_time] = written(happened)
        row[self._names.received_time] = written(max(now, happened))

    def _must_be_slow_enough(self, acting: Counter[str]) -> None:
        limits = self._feedback
        for user, count in acting.items():
            if count > limits.at_once:
                raise RefusedError(422, f"{count} events of user {user}: send at most {limits.at_once} at a time")
        wait_s = self._rates.take(acting, monotonic())
        if wait_s:
            raise RefusedError(429, f"one user acts faster than {limits.a_second:g} times a second: nothing was taken, "
                               "send them again later", retry_s=ceil(wait_s))  # fmt: skip


def action_id(request: str, item: str, action: str) -> str:
    """The id of one action on one item of one answer: the same each time it is sent, whichever worker receives it."""
    return blake2b("\n".join((request, item, action)).encode(), digest_size=16).hexdigest()


def _proven(token: str, at: str, keys: Keys, now: float) -> Impression:
    try:
        return keys.verify(token, now)
    except TokenRefused as refused:
        raise RefusedError(422, f"`{at}.token`: {refused}") from refused
