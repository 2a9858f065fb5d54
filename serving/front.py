"""The hot routes, in front of everything else: a body in, bytes out, no framework in between."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import msgspec

from serving.messages import Problem
from serving.refused import RefusedError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]
Headers = Mapping[bytes, bytes]

JSON = b"application/json"
MOST_BYTES = 1 << 20
encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Post:
    """One route: `admit` may refuse before the body is read, `answer` turns the body into a status and bytes."""

    admit: Callable[[Headers], None]
    answer: Callable[[bytes, Headers], Awaitable[tuple[int, bytes]]]
    refused: Callable[[int], None]


class Front:
    """Answers POST on its paths itself; everything else goes on to `app`."""

    def __init__(self, app: Asgi, posts: Mapping[str, Post]) -> None:
        self._app, self._posts = app, posts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, as ASGI asks for it."""
        post = self._posts.get(scope["path"]) if scope["type"] == "http" else None
        if post is None:
            await self._app(scope, receive, send)
            return
        extra: list[tuple[bytes, bytes]] = []
        try:
            if scope["method"] != "POST":
                extra.append((b"allow", b"POST"))
                raise RefusedError(405, f"{scope['method']} means nothing here: send POST")
            headers: Headers = dict(scope["headers"])
            post.admit(headers)
            status, body = await post.answer(await _body(headers, receive), headers)
        except RefusedError as refused:
            status, body = refused.status, encode(Problem(str(refused)))
            if refused.retry_s is not None:
                extra.append((b"retry-after", str(refused.retry_s).encode()))
            post.refused(status)
        length = (b"content-length", str(len(body)).encode())
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", JSON), length, *extra]}
        )
        await send({"type": "http.response.body", "body": body})


async def _body(headers: Headers, receive: Receive) -> bytes:
    """The request's body; refuses what is not JSON, pickles above all, and what is too large."""
    kind = headers.get(b"content-type", b"")
    if kind != JSON and kind.partition(b";")[0].strip().lower() != JSON:
        said = kind.decode("latin-1")[:100] or "unknown"
        raise RefusedError(415, f"the body is of type `{said}`: send JSON with `content-type: application/json`")
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "the body ended early")
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            raise RefusedError(413, f"the body is longer than {MOST_BYTES} bytes: send less at a time")
        if not message.get("more_body", False):
            return body
