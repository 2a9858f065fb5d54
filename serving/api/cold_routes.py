"""The routes for people and for Prometheus, which every app of a service has, and how its parts live."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from serving import metrics

BUSY = "more requests are waiting than can be answered in time: come again, or ask another instance"


class Startable(Protocol):
    """The parts of an app, which live as long as the server does."""

    async def start(self) -> None:
        """Start every part."""

    async def stop(self) -> None:
        """Stop every part."""


def cold_app(spec: bytes, page: str, lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]]) -> Starlette:
    """The cold routes of an app with this description (JSON) and this page about it."""
    return Starlette(
        routes=[
            Route("/metrics", _metrics),
            Route("/openapi.json", lambda _: Response(spec, media_type="application/json")),
            Route("/docs", lambda _: HTMLResponse(page)),
            # BentoML's own page would load a tracker from elsewhere.
            Route("/", lambda _: RedirectResponse("/docs")),
        ],
        lifespan=lifespan,
    )


@asynccontextmanager
async def running(parts: Startable) -> AsyncIterator[None]:
    """The parts started; stopped on leaving."""
    await parts.start()
    try:
        yield
    finally:
        await parts.stop()


async def _metrics(_: Request) -> Response:
    metrics.Tally.flush()
    return Response(await asyncio.to_thread(metrics.page), media_type=metrics.CONTENT_TYPE)
