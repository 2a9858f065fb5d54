"""The console as an ASGI app: which address shows what, and what becomes of a refusal."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from infra.errors import FlywheelError, MoveRefused, NotProven, Overtaken, ReleaseMismatch
from orchestration.console import pages, sessions
from orchestration.console.forms import read_form
from orchestration.console.headers import Asgi, with_headers
from orchestration.console.moves import Move, made
from orchestration.console.readings import Readings
from orchestration.console.releases import warmed
from orchestration.console.rooms import Room, tabs
from orchestration.console.sessions import Sessions
from orchestration.console.views import VIEWS, View
from orchestration.console.visitors import COOKIE, PATH, Visitor, Visitors, must_be_sent_by_us
from orchestration.system import Installation
from serving.access import RefusedError
from serving.guard import Guard

HOME = f"{PATH}/"
WITHIN = re.compile(r"/console/[A-Za-z0-9_/?=&%.,:@~+-]*")
log = logging.getLogger(__name__)
TITLES = {
    400: "That cannot be read", 401: "Please sign in", 403: "Not allowed", 404: "Nothing is here",
    405: "Not that way", 413: "Too much", 415: "Not that way",
    421: "Another name", 422: "Not like that", 500: "Something went wrong", 503: "Not now",
}  # fmt: skip


class Console:
    """The pages of all systems of an installation."""

    def __init__(
        self, installations: Sequence[Installation], guard: Guard, readings: Readings, signed_in: Sessions
    ) -> None:
        self._systems = {at.system.name: at for at in installations}
        self._guard, self._readings = guard, readings
        self._visitors = Visitors(guard, signed_in)

    def app(self) -> Asgi:
        """The app that a server runs."""
        views = [Route(f"{PATH}/{{system}}/{slug}", self._shown(view)) for slug, view in VIEWS.items()]
        return with_headers(
            Starlette(
                routes=[
                    Route("/", self._home), Route(PATH, self._home), Route(HOME, self._home),
                    Route("/healthz", _healthy),
                    Route(f"{PATH}/static/{{name}}", _static),
                    Route(f"{PATH}/sign-in", self._ask), Route(f"{PATH}/sign-in", self._sign_in, methods=["POST"]),
                    Route(f"{PATH}/sign-out", self._sign_out, methods=["POST"]),
                    *views,
                    Route(f"{PATH}/{{system}}/moves/{{move}}", self._move, methods=["POST"]),
                ],
                exception_handlers={
                    RefusedError: self._refused, FlywheelError: self._failed, HTTPException: self._not_here,
                    Exception: self._broken,
                },
                lifespan=self._life,
            )
        )  # fmt: skip

    @asynccontextmanager
    async def _life(self, _: Starlette) -> AsyncIterator[None]:
        await self._guard.start()
        first = [asyncio.create_task(warmed(at, self._readings)) for at in self._systems.values()]
        try:
            yield
        finally:
            for task in first:
                task.cancel()
            await self._guard.stop()
            self._readings.close()

    async def _home(self, request: Request) -> Response:
        self._visitors.visitor(request)
        return RedirectResponse(f"{PATH}/{next(iter(self._systems))}/", 303)

    def _shown(self, view: View) -> Callable[[Request], Awaitable[Response]]:
        async def show(request: Request) -> Response:
            visitor = self._visitors.visitor(request)
            if view.operate:
                visitor.must_operate()
            room = self._room(request, visitor)
            return self._page(view.template, request, visitor, room=room, tab=view.tab, **await view.shows(room))

        return show

    async def _move(self, request: Request) -> Response:
        must_be_sent_by_us(request)
        visitor = self._visitors.visitor(request)
        session = visitor.must_operate()
        form = await read_form(request)
        if not session.proves(form.get("proof", "")):
            raise RefusedError(403, "this form is not from a page of this session, or it is old: load the page again")
        room = self._room(request, visitor)
        try:
            session.says = await made(room, Move.of(request.path_params["move"], form), f"{session.name} (console)")
        finally:
            self._readings.forget()
        return RedirectResponse(f"{PATH}/{room.name}/releases", 303)

    async def _ask(self, request: Request) -> Response:
        return self._sign_in_page(request, request.query_params.get("next", ""))

    async def _sign_in(self, request: Request) -> Response:
        must_be_sent_by_us(request)
        form = await read_form(request)
        try:
            session = self._visitors.sign_in(form.get("token", "").strip())
        except RefusedError as refused:
            why = "this token is unknown" if refused.status == 401 else str(refused)
            return self._sign_in_page(request, form.get("next", ""), why, refused.status)
        answer = RedirectResponse(_within(form.get("next", "")), 303)
        answer.set_cookie(
            COOKIE, session.key, max_age=int(sessions.LONGEST_S), path=PATH, httponly=True, samesite="strict"
        )
        return answer

    async def _sign_out(self, request: Request) -> Response:
        must_be_sent_by_us(request)
        form, visitor = await read_form(request), self._visitors.visitor(request)
        if visitor.session is not None and visitor.session.proves(form.get("proof", "")):
            self._visitors.sessions.end(visitor.session.key)
        answer = RedirectResponse(f"{PATH}/sign-in", 303)
        answer.delete_cookie(COOKIE, path=PATH)
        return answer

    def _room(self, request: Request, visitor: Visitor) -> Room:
        installation = self._systems.get(request.path_params["system"])
        if installation is None:
            raise RefusedError(404, f"there is no such system here; there {_are(list(self._systems))}")
        asked = {
            name: str(value)[:300] for name, value in (*request.query_params.items(), *request.path_params.items())
        }
        return Room(installation, self._readings, visitor, asked, installation.now())

    def _page(
        self, template: str, request: Request, visitor: Visitor | None, status: int = 200, room: Room | None = None,
        **shown: Any,
    ) -> Response:  # fmt: skip
        session = visitor.session if visitor else None
        about: dict[str, Any] = {"now": next(iter(self._systems.values())).now(), "session": session}
        if room is not None:
            about |= {
                "now": room.now,
                "system": room.name,
                "systems": list(self._systems),
                "room": room,
                "tabs": tabs(room.installation),
            }
        if session is not None:
            about |= {"says": session.said(), "session_left": self._visitors.sessions.left_s(session)}
        about["here"] = _here(request)
        return HTMLResponse(pages.page(template, **about, **shown), status)

    def _sign_in_page(self, request: Request, after: str, why: str = "", status: int = 200) -> Response:
        shown: dict[str, Any] = {
            "why": why,
            "next": after if after == _within(after) else "",
            "idle": sessions.IDLE_S,
            "longest": sessions.LONGEST_S,
        }
        return self._page("sign_in.html", request, None, status, **shown)

    def _refusal(self, request: Request, status: int, why: str, title: str = "") -> Response:
        system = str(request.path_params.get("system", ""))
        back = f"{PATH}/{system}/releases" if system in self._systems and status != 401 else HOME
        shown: dict[str, Any] = {
            "title": title or TITLES.get(status, "Refused"), "why": why, "asks": status in {401, 403}, "back": back,
            "back_says": "Back to the releases as they are now" if back != HOME else "To the overview",
        }  # fmt: skip
        return self._page("refused.html", request, None, status, **shown)

    async def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)
        return self._refusal(request, error.status, str(error))

    async def _failed(self, request: Request, error: Exception) -> Response:
        refused = isinstance(error, MoveRefused | NotProven | ReleaseMismatch)
        title = "Overtaken: nothing was moved" if isinstance(error, Overtaken) else "Refused: nothing was moved"
        return self._refusal(request, 409 if refused else 503, str(error)[:2_000], title if refused else "")

    async def _not_here(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        why = "no page has this address" if error.status_code == 404 else str(error.detail)
        return self._refusal(request, error.status_code, why)

    async def _broken(self, request: Request, error: Exception) -> Response:
        number = uuid4().hex
        log.error("console: request %s failed", number, exc_info=error)
        return self._refusal(request, 500, f"something went wrong here; our log has it under {number}")


async def _healthy(_: Request) -> Response:
    return Response("ok", media_type="text/plain")


async def _static(request: Request) -> Response:
    file = pages.STATIC.get(request.path_params["name"])
    if file is None:
        raise RefusedError(404, "no page has this address")
    return Response(file[1], headers={"content-type": file[0], "cache-control": "public, max-age=86400"})


def _here(request: Request) -> str:
    """The address to come back to after signing in: only of pages that are looked at."""
    query = f"?{request.url.query}" if request.url.query else ""
    here = f"{request.url.path}{query}"
    return here if request.method == "GET" and here == _within(here) and not here.startswith(f"{PATH}/sign-") else ""


def _within(address: str) -> str:
    """The address if it is one of the console, else the first page: nobody is sent elsewhere."""
    return address if len(address) < 500 and WITHIN.fullmatch(address) and "//" not in address else HOME


def _are(names: list[str]) -> str:
    return f"is {names[0]}" if len(names) == 1 else f"are {', '.join(names)}"
