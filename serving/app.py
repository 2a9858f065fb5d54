"""The HTTP face of the online path: a Starlette app whose bodies msgspec reads and writes."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from feature_repo.request_time import Context
from serving import feedback, impressions, messages, metrics, openapi
from serving.asker import Asked
from serving.definition import Served
from serving.ladder import Page
from serving.messages import Accepted, Influence, Messages, Problem
from serving.online import Online

JSON = "application/json"
MOST_BYTES = 1 << 20
INFLUENCES = 5
encode = msgspec.json.Encoder().encode
log = logging.getLogger(__name__)
Handler = Callable[[Any], Awaitable[Any]]


class RefusedError(Exception):
    """A request that cannot be served as it is."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class App:
    """The routes of one system. `online` makes the parts when the server starts, not when the module is imported."""

    def __init__(self, served: Served, online: Callable[[], Online]) -> None:
        self._served, self._make = served, online
        self._messages: Messages = messages.of(served.policy, served.events)
        self._spec = encode(openapi.spec(served, self._messages))
        self.online: Online | None = None

    def starlette(self) -> Starlette:
        """The app to mount."""
        return Starlette(
            routes=[
                Route("/v1/feed", self._posted("feed", self._messages.feed, self._feed), methods=["POST"]),
                Route("/v1/rank", self._posted("rank", self._messages.rank, self._rank), methods=["POST"]),
                Route("/v1/events", self._posted("events", self._messages.events, self._events), methods=["POST"]),
                Route("/metrics", lambda _: Response(metrics.page(), media_type=metrics.CONTENT_TYPE)),
                Route("/openapi.json", lambda _: Response(self._spec, media_type=JSON)),
                Route("/docs", lambda _: HTMLResponse(openapi.PAGE)),
                Route(
                    "/", lambda _: RedirectResponse("/docs")
                ),  # BentoML's own page would load a tracker from elsewhere
            ],
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self.online = self._make()
        await self.online.start()
        try:
            yield
        finally:
            await self.online.stop()

    def _posted(self, name: str, wanted: type[Any], handle: Handler) -> Callable[[Request], Awaitable[Response]]:
        """A route that reads one message, answers with another, and says clearly what is wrong with a request."""
        decode = msgspec.json.Decoder(wanted).decode

        async def route(request: Request) -> Response:
            began = perf_counter()
            try:
                status, answer = (202 if name == "events" else 200), await handle(decode(await _body(request)))
            except msgspec.ValidationError as wrong:
                status, answer = 422, Problem(f"{wrong}. The fields are described at /docs.")
            except msgspec.DecodeError as wrong:
                status, answer = 400, Problem(f"the body is not JSON: {wrong}")
            except RefusedError as refused:
                status, answer = refused.status, Problem(str(refused))
            metrics.REQUESTS.labels(name, status).inc()
            metrics.LATENCY.labels(name).observe(perf_counter() - began)
            return Response(encode(answer), status, {"retry-after": "1"} if status == 503 else None, JSON)

        return route

    async def _feed(self, request: Any) -> Any:
        page, who = await self._parts.ladder.feed(request)
        return self._answer("feed", request, page, who)

    async def _rank(self, request: Any) -> Any:
        page, who = await self._parts.ladder.rank(request)
        return self._answer("rank", request, page, who)

    async def _events(self, request: Any) -> Accepted:
        try:
            lines = feedback.stamped(request.events, self._served.policy.names, self._parts.clock.now())
            await self._parts.feedback.land(lines)
        except feedback.ImplausibleTimeError as wrong:
            metrics.EVENTS.labels("refused").inc(len(request.events))
            raise RefusedError(422, str(wrong)) from wrong
        except OSError as failed:
            log.error("events: not written: %s", failed)
            metrics.EVENTS.labels("not_written").inc(len(request.events))
            raise RefusedError(
                503, "the events could not be put on disk; nothing was taken, send them again"
            ) from failed
        metrics.EVENTS.labels("accepted").inc(len(request.events))
        return Accepted(len(lines))

    @property
    def _parts(self) -> Online:
        assert self.online is not None, "the server starts the app before it takes requests"
        return self.online

    def _answer(self, route: str, request: Any, page: Page, who: Asked) -> Any:
        metrics.ANSWERS.labels(route, page.served_by).inc()
        if not request.preview and page.items:
            self._parts.decisions.put(impressions.rows(self._served, page, who))
        why = _why(page, who) if request.explain and page.features is not None else [msgspec.UNSET] * len(page.items)
        shown = [
            self._messages.shown(item=item, position=place, why=reasons)
            for place, (item, reasons) in enumerate(zip(page.items, why, strict=True), 1)
        ]
        return self._messages.answer(
            request_id=page.request_id, release=page.release.version if page.release else None,
            variant=impressions.VARIANT, served_by=page.served_by, reason=page.reason, items=shown,
            left_out=msgspec.UNSET if page.left_out is None else page.left_out,
        )  # fmt: skip


def _why(page: Page, who: Asked) -> list[Any]:
    """The features that moved each item's score most; what nobody said, and so is the same everywhere, is no reason."""
    assert page.release is not None
    assert page.features is not None
    features = page.release.builder.features
    names = [feature.name for feature in features]
    unsaid = [isinstance(feature, Context) and feature.name not in who.context for feature in features]
    try:
        moved = page.release.scorer.contributions(page.features)
    except Exception:  # an explanation is worth no failed answer
        log.exception("release %s: could not explain", page.release.version)
        return [msgspec.UNSET] * len(page.items)
    moved[:, unsaid] = 0
    first = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :INFLUENCES]
    return [
        [Influence(names[i], _finite(values[i]), float(parts[i])) for i in best if parts[i]]
        for values, parts, best in zip(page.features, moved, first, strict=True)
    ]


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


async def _body(request: Request) -> bytes:
    """The request's body; refuses what is not JSON, pickles above all, and what is too large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise RefusedError(415, f"the body is of type `{kind or 'unknown'}`: send JSON with `content-type: {JSON}`")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                raise RefusedError(413, f"the body is longer than {MOST_BYTES} bytes: send less at a time")
    except ClientDisconnect as gone:
        raise RefusedError(400, "the body ended early") from gone
    return bytes(body)
