"""A service of cases as an ASGI app: three hot routes, the reviewers' queue, and the pages for people."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from math import ceil
from typing import Any

import msgspec
import numpy as np
from starlette.applications import Starlette

from infra.marks import marks
from serving import metrics
from serving.access import Headers, RefusedError, Role, Roles
from serving.api import openapi_cases
from serving.api.case_messages import PREVIEW, CaseMessages, messages_of_cases
from serving.api.cold_routes import BUSY, cold_app, running
from serving.api.hot_routes import Asgi, HotRoutes, Post, encode
from serving.api.messages import EventsAccepted
from serving.api.openapi import PAGE
from serving.api.public_reason import for_callers
from serving.api.read import read
from serving.api.review_routes import ReviewRoutes
from serving.case_policy import ServedCases
from serving.deciding import KNOWING, Case, Decision, digest_of
from serving.feedback import DecisionRows, Event
from serving.limits import Budget
from serving.online_cases import OnlineCases
from serving.tokens import Impression
from validation.contract import EARLIEST, LATEST
from validation.derived import derive

log = logging.getLogger(__name__)
_digested = msgspec.json.Encoder(order="sorted").encode


class CaseApp:
    """The routes of one system. `online` makes the parts when the server starts, not when the module is imported."""

    def __init__(self, served: ServedCases, online: Callable[[], OnlineCases]) -> None:
        self._served, self._make = served, online
        self._messages: CaseMessages = messages_of_cases(served)
        self._rows = DecisionRows(served)
        self._spec = encode(openapi_cases.spec(served, self._messages))
        self._counted = {name: metrics.Route(name) for name in ("decide", "events", "queue")}
        self._narrow = [column.name for column in served.asked if column.dtype == "float32"]
        self._texts = [column.name for column in served.asked if column.nullable and column.dtype == "string"]
        self._derived = served.derived
        self._person = served.decisions.person
        reviewed = self._messages.verdict is not None
        self._reviews = ReviewRoutes(served, self._messages, lambda: self._parts, self._land) if reviewed else None
        self.online: OnlineCases | None = None

    def starlette(self) -> Starlette:
        """The cold routes, and the life of the parts."""
        return cold_app(self._spec, PAGE, self._lifespan)

    def with_hot_routes(self, app: Asgi) -> Asgi:
        """The hot routes, the reviewers' queue, and `app` for all other requests."""
        posts = {"/v1/decide": self._decide()}
        if self._messages.events is not None:
            posts["/v1/events"] = self._events()
        if self._reviews is not None:
            posts["/v1/queue"] = self._reviews.post(self._counted["queue"].refused)
        hot = HotRoutes(app, posts, lambda headers, at: self._admit(headers, "observe", at))
        return self._reviews.before(hot) if self._reviews is not None else hot

    def _admit(self, headers: Headers, role: Role, reached: str) -> Roles:
        return self._parts.guard.access.check(headers, role, reached)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self.online = self._make()
        async with running(self.online):
            yield

    @property
    def _parts(self) -> OnlineCases:
        assert self.online is not None, "the server starts the app before it takes requests"
        return self.online

    def _decide(self) -> Post:
        """The route that decides; it refuses requests that could not be answered in time."""
        decode = msgspec.json.Decoder(self._messages.case).decode
        counted = self._counted["decide"]

        def admit(headers: Headers, at: str) -> Roles:
            if self._parts.shedding.refuses:
                raise RefusedError(429, BUSY, retry_s=1)
            return self._admit(headers, "decide", at)

        async def answer(body: bytes, _: Roles) -> tuple[int, bytes]:
            parts = self._parts
            budget = Budget(parts.ladder.policy.limits.request_ms / 1000)
            parts.shedding.in_flight += 1
            try:
                case = self._case(read(decode, body))
                answered, decision = await parts.ladder.answer(case, budget, self._answer, self._remember)
            finally:
                parts.shedding.in_flight -= 1
            if decision is None:
                counted.answered("again", personal=False, seconds=budget.spent_s)
            else:
                if decision.score is not None:
                    parts.shedding.scored(budget.spent_s)
                    metrics.scored.inc()
                counted.answered(decision.rung, decision.rung in KNOWING, budget.spent_s)
                meter = metrics.variant(decision.variant)
                meter.answered("decide", decision.rung, budget.spent_s)
                if decision.score is not None:
                    meter.scored(decision.score)
                if budget.trace is not None:
                    budget.trace.note(request_id=decision.request_id, served_by=decision.rung, variant=decision.variant,
                                      release=decision.release.version if decision.release else None)  # fmt: skip
            return 200, answered

        return Post(admit, answer, counted.refused)

    def _case(self, request: Any) -> Case:
        """The case in a message: numbers as the log's columns hold them, persons as the home names them."""
        given = msgspec.structs.asdict(request)
        preview = given.pop(PREVIEW)
        for name in self._texts:
            given[name] = given[name] or None
        for name in self._narrow:
            if given[name] is not None:
                given[name] = float(np.float32(given[name]))
        for name, value in given.items():
            if isinstance(value, datetime) and not EARLIEST <= value <= LATEST:
                raise RefusedError(422, f"`$.{name}` is {value.isoformat()}: a clock is wrong")
        person, gone = given.get(self._person) if self._person else None, False
        if self._person is not None and person is not None:
            if self._parts.ids is not None:  # before anything else sees it, a log least of all
                person = given[self._person] = self._parts.ids(person)
            gone = person in self._parts.erased.people
        digest = digest_of(_digested(given))
        if self._derived:
            row = {**given, self._served.decisions.event_time: self._parts.clock.now()}
            given |= {c.name: derive(c.derived, c.dtype, row) for c in self._derived if c.derived is not None}
        return Case(str(given[self._served.key]), given, digest, preview, gone)

    def _answer(self, decision: Decision) -> bytes:
        """The answer as bytes: a case that is sent again gets the same."""
        own = (
            {"action": decision.action, "threshold": decision.threshold, "by_lot": decision.by_lot,
             "reasons": decision.reasons}
            if decision.action
            else {"value": decision.value, "promise": decision.promise}
        )  # fmt: skip
        release = decision.release
        return encode(self._messages.answer(
            case=decision.case.key, **own, score=decision.score, request_id=decision.request_id,
            release=release.version if release else None, ranker=release.ranker if release else None,
            variant=decision.variant, served_by=decision.rung, reason=for_callers(decision.reason),
            token=None if decision.case.preview or decision.case.gone else self._token(decision),
        ))  # fmt: skip

    def _token(self, decision: Decision) -> str:
        """The token with which rows about this case are accepted."""
        at, lives_s = ceil(decision.state.at), int(self._served.policy.feedback.lives_s)
        release = decision.release.version if decision.release else None
        key = decision.case.key
        return self._parts.guard.keys.sign(
            Impression(decision.request_id, key, marks([key]), release, at, at + lives_s)
        )

    def _remember(self, decision: Decision) -> None:
        """Log a decision after its answer was sent."""
        if not decision.case.gone:
            asyncio.get_running_loop().call_soon(self._keep, decision)

    def _keep(self, decision: Decision) -> None:
        self._parts.decisions.put([self._rows.of(decision)])
        self._parts.shadow_cases.offer(decision)

    def _events(self) -> Post:
        decode = msgspec.json.Decoder(self._messages.events).decode
        counted = self._counted["events"]

        async def answer(body: bytes, roles: Roles) -> tuple[int, bytes]:
            parts, budget = self._parts, Budget(self._parts.ladder.policy.limits.request_ms / 1000)
            sent = read(decode, body).events
            try:
                await self._land(parts.outcomes.rows(sent, roles, parts.guard.keys, parts.clock.now()))
            except RefusedError:
                metrics.EVENTS.labels("refused").inc(len(sent))
                raise
            metrics.EVENTS.labels("accepted").inc(len(sent))
            counted.landed(budget.spent_s)
            return 202, encode(EventsAccepted(len(sent)))

        return Post(lambda headers, at: self._admit(headers, "events", at), answer, counted.refused)

    async def _land(self, rows: Sequence[tuple[str, Event]]) -> None:
        """Put rows on disk, each in the landing of its table."""
        of: dict[str, list[Event]] = {}
        for table, event in rows:
            of.setdefault(table, []).append(event)
        try:
            await asyncio.gather(*(self._parts.events[table].land(events) for table, events in of.items()))
        except OSError as failed:
            log.error("events: not written: %s", failed or "the disk hangs")
            metrics.EVENTS.labels("not_written").inc(len(rows))
            raise RefusedError(
                503, "the rows could not be put on disk: send them again, each counts once", 1
            ) from failed
