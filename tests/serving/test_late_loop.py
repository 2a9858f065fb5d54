"""A loop that is late finds a deadline and the bytes that came before it at once: the caller was in time.

uvloop calls timers before it looks at its sockets. A patience of 0 s is a loop that comes too late for every deadline.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
import uvloop

from serving.api.connection import Connection, ReceiveTimes
from serving.api.hot_routes import HotRoutes, Post
from serving.limits.connection_limit import ConnectionLimit
from tests.serving.raw import head
from tests.waiting import PATIENCE_S

AT_ONCE, LATER = 0.0, 60.0
POST = head("/v1/feed", "POST", "content-type: application/json", "content-length: 2") + b"\r\n"
LAST = POST.replace(b"content-length", b"connection: close\r\ncontent-length") + b"{}"


class Watched(ConnectionLimit):
    """Tells of each whole request in the moment in which the loop reads it."""

    def __init__(self, asked: Callable[[], None]) -> None:
        super().__init__(10, 10)
        self._tell = asked

    def asked(self, who: Any) -> None:
        super().asked(who)
        self._tell()


def answers(times: ReceiveTimes, first: bytes, on_head: bytes = b"", on_asked: bytes = b"") -> bytes:
    """All that is answered to some bytes, to others sent when headers were read, and to others after a request was."""

    async def both() -> bytes:
        later = {"head": on_head, "asked": on_asked}
        caller = socket.socket()

        def admit(headers: Any, reached: str) -> Any:
            caller.sendall(later.pop("head", b""))
            return frozenset()

        async def answer(body: bytes, roles: Any) -> tuple[int, bytes]:
            return 200, b'{"bytes": %d}' % len(body)

        async def nobody(scope: Any, receive: Any, send: Any) -> None:
            raise AssertionError("nobody asks for this")

        app = HotRoutes(nobody, {"/v1/feed": Post(admit, answer, lambda status: None)}, admit)
        config = uvicorn.Config(app, log_config=None, lifespan="off")
        config.load()
        state, loop = uvicorn.Server(config).server_state, asyncio.get_running_loop()
        connections = Watched(lambda: caller.sendall(later.pop("asked", b"")))

        def connection() -> Connection:
            return Connection(times, connections, config=config, server_state=state, app_state={})

        async with await loop.create_server(connection, "127.0.0.1", 0) as listening:
            with caller:
                caller.connect(listening.sockets[0].getsockname())
                caller.sendall(first)
                caller.setblocking(False)
                answered = b""
                while piece := await loop.sock_recv(caller, 1 << 16):
                    answered += piece
                return answered

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as service:
        return service.run(asyncio.wait_for(both(), PATIENCE_S))


@pytest.mark.parametrize(
    ("times", "sent", "expected"),
    [
        (ReceiveTimes(AT_ONCE, LATER, LATER), {"first": LAST}, 1),
        (ReceiveTimes(AT_ONCE, LATER, LATER), {"first": POST + b"{}" + LAST[:20], "on_asked": LAST[20:]}, 2),
        (ReceiveTimes(LATER, AT_ONCE, LATER), {"first": LAST[:-2], "on_head": b"{}"}, 1),
    ],
    ids=["headers", "headers of a further request", "a body"],
)
def test_what_came_in_time_is_answered_however_late_the_loop_is(
    times: ReceiveTimes, sent: dict[str, bytes], expected: int
) -> None:
    answered = answers(times, **sent)
    assert answered.count(b"HTTP/1.1 200 ") == answered.count(b"HTTP/1.1 ") == expected, answered


def test_what_did_not_come_is_not_waited_for() -> None:
    assert answers(ReceiveTimes(AT_ONCE, LATER, LATER), POST[:20]).startswith(b"HTTP/1.1 408 ")
    assert answers(ReceiveTimes(LATER, AT_ONCE, LATER), POST).startswith(b"HTTP/1.1 408 ")
