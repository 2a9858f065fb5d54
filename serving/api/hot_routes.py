"""The hot routes, answered before BentoML and Starlette see a request: a body in, bytes out."""

import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec

from serving.access import Headers, RefusedError, Roles
from serving.api.messages import Problem

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]
Admit = Callable[[Headers, str], Roles]

JSON = b"application/json"
MOST_BYTES = 1 << 20  # of one body: many times what the largest message needs
MOST_INCOMPLETE_BYTES = 64 << 20  # of all bodies together: no caller can use up the memory
PROBES = ("/healthz", "/livez", "/readyz")  # asked by what restarts the service: open to everybody
encode = msgspec.json.Encoder().encode
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Post:
    """One route: `answer` turns the body into a status and bytes.

    `admit` takes the request's headers and the address of ours that it came to; it returns the caller's roles, or
    refuses before the body is read.
    """

    admit: Admit
    answer: Callable[[bytes, Roles], Awaitable[tuple[int, bytes]]]
    refused: Callable[[int], None]


class HotRoutes:
    """Answers POST on its paths itself. All else is `app`'s: GET and HEAD only, by callers that `admit` lets in."""

    def __init__(self, app: Asgi, posts: Mapping[str, Post], admit: Admit) -> None:
        self._app, self._posts, self._admit = app, posts, admit
        self._incomplete_bytes = 0  # of all bodies that are being received

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, as ASGI asks for it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        post = self._posts.get(scope["path"])
        try:
            if post is None:
                self._look(scope)
                await self._app(scope, receive, send)
                return
            _only(scope, "POST")
            headers: Headers = dict(scope["headers"])
            _must_be_json(headers)
            roles = post.admit(headers, reached(scope))
            status, body = await post.answer(await self._body(receive), roles)
            await _send(send, status, body)
        except RefusedError as refused:
            await _refuse(send, refused)
            if post is not None:
                post.refused(refused.status)
        except Exception:
            if post is None:
                raise
            error_id = uuid4().hex
            log.exception("%s: request %s failed", scope["path"], error_id)
            await _refuse(send, RefusedError(500, f"something went wrong here; our log has it under {error_id}"))
            post.refused(500)

    async def _body(self, receive: Receive) -> bytes:
        """The request's body; refuses one that is too long, and one more when too many long ones are being received."""
        body = bytearray()  # grows in place: a body in a thousand pieces is not copied a thousand times
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RefusedError(400, "the body ended early")
                piece: bytes = message.get("body", b"")
                if len(body) + len(piece) > MOST_BYTES:
                    raise RefusedError(413, f"the body is longer than {MOST_BYTES} bytes: send less at a time")
                if not message.get("more_body", False):
                    return bytes(body) + piece if body else piece
                body += piece
                self._incomplete_bytes += len(piece)
                if self._incomplete_bytes > MOST_INCOMPLETE_BYTES:
                    raise RefusedError(503, "too many long bodies are being sent: come again", retry_s=1)
        finally:
            self._incomplete_bytes -= len(body)

    def _look(self, scope: Message) -> None:
        """Refuses all but GET and HEAD by callers that may look."""
        headers: Headers = dict(scope["headers"])
        if b"pickle" in headers.get(b"content-type", b"").lower():
            raise RefusedError(415, "pickles are not read, here or anywhere: send JSON")
        _only(scope, "GET", "HEAD")
        if scope["path"] not in PROBES:
            self._admit(headers, reached(scope))


def _only(scope: Message, *methods: str) -> None:
    if scope["method"] not in methods:
        allow = {b"allow": ", ".join(methods).encode()}
        named = scope["method"][:20]
        raise RefusedError(405, f"{named} means nothing here: send {' or '.join(methods)}", headers=allow)


def reached(scope: Message) -> str:
    """The address of ours that a request came to; empty when the server does not know it."""
    return (scope.get("server") or ("",))[0] or ""


async def _refuse(send: Send, refused: RefusedError) -> None:
    await _send(send, refused.status, encode(Problem(str(refused))), *refused.headers.items())


async def _send(send: Send, status: int, body: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", JSON), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _must_be_json(headers: Headers) -> None:
    kind = headers.get(b"content-type", b"")
    if kind != JSON and kind.partition(b";")[0].strip().lower() != JSON:
        sent = kind.decode("latin-1")[:100] or "unknown"
        raise RefusedError(415, f"the body is of type `{sent}`: send JSON with `content-type: application/json`")
