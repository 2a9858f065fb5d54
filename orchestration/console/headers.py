"""What every answer says to the browser: no script of others, no frame, nothing kept, nothing told to other sites."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]

POLICY = (
    b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # `no-referrer` would make browsers hide the origin of our own forms
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
KEEP = b"cache-control"


def with_headers(app: Asgi) -> Asgi:
    """The app, with these headers on each of its answers."""

    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        started = False

        async def start(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                kept = any(name.lower() == KEEP for name, _ in message["headers"])
                more = HEADERS if kept else (*HEADERS, (KEEP, b"no-store"))
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            await app(scope, receive, start)
        except Exception:
            if not started:  # else a page has said it, and the log has it: raised again, it would cut that page off
                raise

    return answer
