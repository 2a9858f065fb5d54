"""The online path as an ASGI app: three hot routes, read and written by msgspec, and the pages for people."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from math import ceil
from typing import Any

import msgspec
from starlette.applications import Starlette

from serving import metrics
from serving.access import Headers, RefusedError, Role, Roles
from serving.api import messages, openapi
from serving.api.cold_routes import BUSY, cold_app, running
from serving.api.explain import why
from serving.api.hot_routes import Asgi, HotRoutes, Post, encode
from serving.api.messages import EventsAccepted, Messages
from serving.api.public_reason import for_callers
from serving.api.read import read
from serving.asker import RequestAsker
from serving.definition import Served
from serving.feedback import ImpressionRows
from serving.limits import Budget
from serving.online import Online
from serving.page import PERSONAL, Page
from serving.tokens import Impression

log = logging.getLogger(__name__)
SECRET = "`explain` shows what the ranker weighs: it needs a token of role `operate`"
DRAWN = "who is answered by which `variant` is drawn: only a `preview` by a token of role `operate` may name one"
Answering = Callable[[Any, Budget], Awaitable[tuple[Page, RequestAsker]]]


class App:
    """The routes of one system. `online` makes the parts when the server starts, not when the module is imported."""

    def __init__(self, served: Served, online: Callable[[], Online]) -> None:
        self._served, self._make = served, online
        self._messages: Messages = messages.messages_of(served.policy.service, served.events)
        self._lines = ImpressionRows(served)
        self._spec = encode(openapi.spec(served, self._messages))
        self._answered = {name: metrics.Route(name) for name in ("feed", "rank", "events")}
        self.online: Online | None = None

    def starlette(self) -> Starlette:
        """The cold routes, and the life of the parts."""
        return cold_app(self._spec, openapi.PAGE, self._lifespan)

    def with_hot_routes(self, app: Asgi) -> HotRoutes:
        """The hot routes, and `app` for all other requests."""
        return HotRoutes(app, {
            "/v1/feed": self._page("feed", self._messages.feed, self._feed),
            "/v1/rank": self._page("rank", self._messages.rank, self._rank),
            "/v1/events": self._events(),
        }, lambda headers, reached: self._admit(headers, "observe", reached))  # fmt: skip

    def _admit(self, headers: Headers, role: Role, reached: str) -> Roles:
        return self._parts.guard.access.check(headers, role, reached)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self.online = self._make()
        async with running(self.online):
            yield

    @property
    def _parts(self) -> Online:
        assert self.online is not None, "the server starts the app before it takes requests"
        return self.online

    async def _feed(self, request: Any, budget: Budget) -> tuple[Page, RequestAsker]:
        return await self._parts.ladder.feed(request, budget)

    async def _rank(self, request: Any, budget: Budget) -> tuple[Page, RequestAsker]:
        return await self._parts.ladder.rank(request, budget)

    def _page(self, name: str, message: type[Any], answering: Answering) -> Post:
        """A route that answers with a page; it refuses requests that could not be answered in time."""
        decode = msgspec.json.Decoder(message).decode
        counted = self._answered[name]

        def admit(headers: Headers, reached: str) -> Roles:
            if self._parts.shedding.refuses:
                raise RefusedError(429, BUSY, retry_s=1)
            return self._admit(headers, "rank", reached)

        async def answer(body: bytes, roles: Roles) -> tuple[int, bytes]:
            parts = self._parts
            shedding = parts.shedding
            budget = Budget(parts.ladder.policy.limits.request_ms / 1000)
            shedding.in_flight += 1
            try:
                request = read(decode, body)
                if parts.ids is not None:  # before anything else sees it, a log least of all
                    request = msgspec.structs.replace(request, user=parts.ids(request.user))
                if request.explain and "operate" not in roles:
                    raise RefusedError(403, SECRET)
                if request.variant is not None and not (request.preview and "operate" in roles):
                    raise RefusedError(403, DRAWN)
                page, who = await answering(request, budget)
                with budget.stage("answer"):
                    answered = encode(self._answer(request, page, who))
                if not request.preview and page.items and not who.gone:
                    asyncio.get_running_loop().call_soon(self._remember, page, who, request.explain)
            finally:
                shedding.in_flight -= 1
            if page.scored:
                shedding.scored(budget.spent_s)
                metrics.scored.inc(page.scored)
            counted.answered(page.served_by, page.served_by in PERSONAL, budget.spent_s)
            _count(name, page, budget.spent_s)
            if budget.trace is not None:
                budget.trace.note(request_id=page.request_id, served_by=page.served_by, variant=page.variant,
                                  release=page.release.version if page.release else None)  # fmt: skip
            return 200, answered

        return Post(admit, answer, counted.refused)

    def _events(self) -> Post:
        decode = msgspec.json.Decoder(self._messages.events).decode
        counted = self._answered["events"]

        async def answer(body: bytes, roles: Roles) -> tuple[int, bytes]:
            budget = Budget(self._parts.ladder.policy.limits.request_ms / 1000)
            answered = encode(await self._landed(read(decode, body).events, roles))
            counted.landed(budget.spent_s)
            return 202, answered

        return Post(lambda headers, reached: self._admit(headers, "events", reached), answer, counted.refused)

    async def _landed(self, sent: Sequence[Any], roles: Roles) -> EventsAccepted:
        parts = self._parts
        try:
            events = parts.attribution.events(sent, roles, parts.guard.keys, parts.clock.now())
            await parts.events.land(events)
        except RefusedError:
            metrics.EVENTS.labels("refused").inc(len(sent))
            raise
        except OSError as failed:
            log.error("events: not written: %s", failed or "the disk hangs")
            metrics.EVENTS.labels("not_written").inc(len(sent))
            raise RefusedError(
                503, "the events could not be put on disk: send them again, each counts once", 1
            ) from failed
        metrics.EVENTS.labels("accepted").inc(len(sent))
        return EventsAccepted(len(sent))

    def _token(self, page: Page, who: RequestAsker) -> str:
        """The token with which feedback on this page is accepted."""
        # Rounded up, so that the token's moment is never before the page's: events may be a little older than both.
        at, lives_s = ceil(page.at), int(self._served.policy.service.feedback.lives_s)
        release = page.release.version if page.release else None
        shown = Impression(page.request_id, who.user.user, page.marks, release, at, at + lives_s)
        return self._parts.guard.keys.sign(shown)

    def _answer(self, request: Any, page: Page, who: RequestAsker) -> Any:
        shown, reasons = self._messages.shown, why(page, who) if request.explain else None
        items = [
            shown(
                item=item, position=place, why=reasons[place - 1] if reasons else msgspec.UNSET,
                source=page.sources[place - 1] if request.explain else msgspec.UNSET,
            )
            for place, item in enumerate(page.items, 1)
        ]  # fmt: skip
        return self._messages.answer(
            request_id=page.request_id, release=page.release.version if page.release else None,
            variant=page.variant, served_by=page.served_by, reason=for_callers(page.reason), items=items,
            token=None if request.preview or not page.items else self._token(page, who),
            left_out=msgspec.UNSET if page.left_out is None else page.left_out,
            unknown_user=msgspec.UNSET if who.user.known else True,
            ranker=page.release.ranker if page.release else None,
        )  # fmt: skip

    def _remember(self, page: Page, who: RequestAsker, explained: bool) -> None:
        """Log a page after its answer was sent."""
        self._parts.decisions.put(self._lines.of(page, who))
        self._parts.shadow_pages.offer(page, who)
        self._parts.traces.offer(page, who, explained=explained)


def _count(route: str, page: Page, took_s: float) -> None:
    """Count an answer for its variant."""
    meter = metrics.variant(page.variant)
    meter.answered(route, page.served_by, took_s)
    if page.scores is not None and len(page.scores):
        meter.scored(float(page.scores.sum()) / len(page.scores))
