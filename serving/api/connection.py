"""A caller's connection, with limits on how much it may send and how long it may take; uvicorn's own has none."""

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import Enum
from functools import partial
from http import HTTPStatus
from typing import Any

import httptools
import msgspec
import uvicorn.config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from infra.settings import Settings
from serving import metrics
from serving.api.hot_routes import MOST_BYTES
from serving.api.messages import Problem
from serving.limits import ConnectionLimit, open_files

HEAD_BYTES = 32 << 10  # many times what callers and proxies send
HEADERS = 100
PIPELINED = 32  # requests that may wait behind the one being answered
FED_BYTES = 16 << 10  # what the parser is given at a time: of an unfinished header it keeps at least a piece
MESSAGE_BYTES = HEAD_BYTES + 2 * MOST_BYTES  # of one request on the wire, with what its encoding adds to the body
LINGER_S, LINGER_BYTES = 2.0, 256 << 10  # how long, and how much, is read after a refusal: it must reach the caller
LAST_LOOK_S = 0.001  # after a deadline: the loop reads its sockets again before the request is refused
NOT_READ: Any = deque(maxlen=0)
CROWDED = "too many connections are open: close some, come again, or ask another instance"


@dataclass(frozen=True, slots=True)
class ReceiveTimes:
    """How long a caller may take.

    head_s        from its connection, or from the first byte of a further request, to the end of the headers
    body_s        from there to the end of the body; and to take an answer that does not fit into the socket
    keep_alive_s  between an answer and the next request
    """

    head_s: float
    body_s: float
    keep_alive_s: float


class RequestPart(Enum):
    """What of a request is being received."""

    HEAD = "headers"
    BODY = "body"


class RudeError(Exception):
    """Ends the reading of what is over a limit."""


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, with limits. A request that comes in one piece needs no timer."""

    def __init__(self, times: ReceiveTimes, connections: ConnectionLimit, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self.ws_protocol_class = None  # an upgraded connection would leave the limits behind
        self.timeout_keep_alive = times.keep_alive_s  # type: ignore[assignment]  # call_later takes parts of a second
        self._times, self._connections = times, connections
        self._part: RequestPart | None = None
        self._pieces_bytes = 0
        self._refusal: tuple[int, str] | None = None
        self._ended, self._dropped = False, 0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        """Whether a whole request is being answered."""
        return self._answering and self._part is not RequestPart.BODY

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Admit it where there is a place."""
        super().connection_made(transport)
        if self._connections.enter(self, self.client[0] if self.client else None):
            self._expect(self._times.head_s)
        else:
            self._count(503)
            self._ended = True
            self.transport.write(_answer(503, CROWDED))
            self.transport.close()  # without lingering, which needs a place, too

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed: give its place back and end its timers."""
        self._ended = True
        self._connections.leave(self)
        self._unset_keepalive_if_required()
        self._no_timer()
        self.resume_writing()
        super().connection_lost(exc)

    def evicted(self) -> None:
        """Close it, because its place is needed and nothing is being answered here."""
        metrics.REFUSED_CONNECTIONS.labels("evicted").inc()
        self._ended = True
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Parse what came, in pieces; of a connection that has ended, drop some bytes and then stop reading."""
        if self._ended:
            self._dropped += len(data)
            if self._dropped > LINGER_BYTES:
                self.transport.pause_reading()
            return
        if len(data) <= FED_BYTES:
            self._fed(data)
            return
        for start in range(0, len(data), FED_BYTES):
            self._fed(data[start : start + FED_BYTES])

    def _fed(self, data: bytes) -> None:
        if self._ended:
            return
        started = self._part
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:  # uvicorn would log each: anybody could fill the disk
            self._refuse(*(self._refusal or (400, "this is no HTTP request")))
        except httptools.HttpParserUpgrade:
            pass  # only HTTP/1.1 is understood here: the request is answered as such
        if self._part is not None:
            self._unfinished(len(data) if started is not None else 0)
        elif self._timer is None and not self._answering:  # only line ends between two requests
            self._expect(self._times.head_s)

    def _unfinished(self, more: int) -> None:
        """A request is incomplete. Bytes before it in the piece that it began in are not counted apart from it."""
        self._pieces_bytes += more
        if self._part is RequestPart.HEAD:
            if self._too_long() and self._refusal:
                self._refuse(*self._refusal)
            self._expect(self._times.head_s)
        else:
            if self._pieces_bytes > MESSAGE_BYTES:
                self._refuse(413, f"the body is longer than {MOST_BYTES} bytes: send less at a time")
            self._expect(self._times.body_s)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        if len(self.pipeline) >= PIPELINED:
            self._refusal = 429, f"more than {PIPELINED} requests wait on this connection: await their answers"
            raise RudeError
        super().on_message_begin()
        self._part, self._pieces_bytes = RequestPart.HEAD, 0

    def on_headers_complete(self) -> None:
        """The headers are complete; a body may follow, and after it further headers, which are not read."""
        if self._too_long():
            raise RudeError
        self._no_timer()
        self._part = RequestPart.BODY
        super().on_headers_complete()
        self.headers = NOT_READ

    def _too_long(self) -> bool:
        """Whether the headers are over a limit, to the byte; of headers in one or two pieces only the number counts."""
        if len(self.headers) > HEADERS:
            self._refusal = 431, f"there are more than {HEADERS} headers"
        elif self._pieces_bytes:
            parsed = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if max(parsed, self._pieces_bytes) > HEAD_BYTES:
                self._refusal = 431, f"the headers are longer than {HEAD_BYTES} bytes"
        return self._refusal is not None

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._no_timer()
        self._part = None
        self._connections.asked(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer was sent. The rest of a refused request's body is still read, for a shorter time."""
        super().on_response_complete()
        if self.pipeline or self._answering or self.transport.is_closing():
            return
        if self._ended:
            self._hang_up()
        elif self._part is RequestPart.BODY:
            self._no_timer()
            self._expect(min(LINGER_S, self._times.body_s))

    def pause_writing(self) -> None:
        """The caller does not read its answers: close the connection if that lasts."""
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(self._times.body_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller reads again."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        super().resume_writing()

    def _expect(self, seconds: float) -> None:
        """Start the deadline for what is missing, unless it runs; further bytes do not start it anew."""
        if self._timer is None and not self._ended:
            self._timer = self.loop.call_later(seconds, self._late)

    def _no_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        """After a busy spell the loop runs the deadline before it reads bytes that came in time: let it read first."""
        self._timer = self.loop.call_later(LAST_LOOK_S, self._too_late)

    def _too_late(self) -> None:
        self._timer = None
        if self._part is None:
            self._count(408)
            self.transport.close()  # no request, no answer
        else:
            self._refuse(408, f"the {self._part.value} did not come in time")

    def _refuse(self, status: int, why: str) -> None:
        """Stop reading. Send the refusal where it answers this request; close after an answer that is being sent."""
        self._count(status)
        self._ended = True
        self._no_timer()
        if self._answering and self._part is not RequestPart.BODY:
            return  # the end comes with the answer
        answered = self._part is RequestPart.BODY and (
            not self._answering or self.cycle.response_started or self.pipeline
        )
        if self._answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not answered:
            self.transport.write(_answer(status, why))
        self._hang_up()

    def _hang_up(self) -> None:
        """Close in steps: a socket closed with unread bytes loses the answer, so some of them are read and dropped."""
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.abort)

    @staticmethod
    def _count(status: int) -> None:
        metrics.REFUSED_CONNECTIONS.labels(str(status)).inc()


def limited(settings: Settings) -> None:
    """Make uvicorn use connections with limits in this process, however it is started."""
    most = open_files(settings.connections)
    connections = ConnectionLimit(most, settings.connections_a_peer, settings.trusted_proxies)
    times = ReceiveTimes(settings.head_s, settings.body_s, settings.keep_alive_s)
    # BentoML makes uvicorn's configuration and leaves the protocol at `auto`.
    uvicorn.config.HTTP_PROTOCOLS["auto"] = partial(Connection, times, connections)  # type: ignore[assignment]


def _answer(status: int, why: str) -> bytes:
    body = msgspec.json.encode(Problem(why))
    lines = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "content-type: application/json", "connection: close"
    return "\r\n".join((*lines, f"content-length: {len(body)}", "", "")).encode() + body
