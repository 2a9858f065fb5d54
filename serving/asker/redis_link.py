"""One connection to Redis for requests: pipelined, with a deadline, and without cost while Redis is down."""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import hiredis

from infra.errors import Unavailable
from serving.definition import BreakerValues
from serving.limits import Breaker, State
from serving.running import Background

Command = tuple[bytes | str | int, ...]
Replies = asyncio.Future[list[Any]]

USUAL = BreakerValues()
PROBE_EVERY_S = 0.25  # how often the breaker is asked whether a probe is due, and whether the connection is lost
POSTED_WITHIN_S = 0.05  # posts of a page wait so long for another command: nothing depends on them sooner
log = logging.getLogger(__name__)


class RedisLink:
    """Asks Redis within `timeout_s`, behind a breaker: while that is open, requests do not ask.

    The probe connects and pings in the background, within the same time: no request pays for it.
    """

    def __init__(self, url: str, timeout_s: float, breaker: BreakerValues = USUAL) -> None:
        self._url, self._timeout = url, timeout_s
        self._wire: _Wire | None = None
        self._breaker = Breaker("redis", breaker)
        self._breaker.trip("not connected yet")
        self._probing = Background(self._probe, PROBE_EVERY_S)

    @property
    def up(self) -> bool:
        """Whether requests ask Redis now."""
        return self._wire is not None

    async def start(self) -> None:
        """Try to connect once, and from then on whenever the connection is lost."""
        await self._connect()
        self._probing.start(at_once=False)

    async def stop(self) -> None:
        """Close the connection."""
        await self._probing.stop()
        if self._wire is not None:
            self._wire.flush()
            self._wire.close()
            self._wire = None

    async def ask(self, *commands: Command) -> list[Any]:
        """The replies to some commands, sent as one; raises Unavailable when they do not come in time."""
        if self._wire is None:
            raise Unavailable(f"redis: {self._breaker.why}")
        replies = self._wire.send(commands)
        timer = asyncio.get_running_loop().call_later(self._timeout, _too_late, replies)
        try:
            answers = await replies
        except (TimeoutError, OSError, hiredis.HiredisError) as failed:
            raise self._failed(str(failed) or type(failed).__name__) from failed
        finally:
            timer.cancel()
        self._breaker.succeeded()
        return answers

    def tell(self, *commands: Command) -> None:
        """Send commands without waiting for their replies, before later ones; nothing is sent while Redis is down."""
        if self._wire is not None:
            self._wire.post(commands)

    def _failed(self, why: str) -> Unavailable:
        self._breaker.failed(why)
        if self._breaker.state is not State.CLOSED or self._wire is None or self._wire.closed:
            self._open(why)
        return Unavailable(f"redis: {why}")

    def _open(self, why: str) -> None:
        if self._wire is not None:
            log.warning("redis: %s; answering without it", why)
            self._wire.close()
        self._wire = None
        self._breaker.trip(why)

    async def _probe(self) -> None:
        if self._wire is not None and self._wire.closed:
            self._open("connection lost")
        if self._wire is None and self._breaker.allows():
            await self._connect()

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(max(self._timeout, 0.25)):
                wire = await _dial(self._url)
            try:
                async with asyncio.timeout(self._timeout):
                    await wire.send((*_greeting(self._url), ("PING",)))
            except BaseException:
                wire.close()
                raise
        except (TimeoutError, OSError, hiredis.HiredisError) as failed:
            self._breaker.failed(str(failed) or type(failed).__name__)
            return
        self._wire = wire
        self._breaker.succeeded()


class _Wire(asyncio.Protocol):
    """One socket: commands out, replies matched to them in order."""

    def __init__(self) -> None:
        self.closed = False
        self._reader = hiredis.Reader()
        self._waiting: deque[tuple[Replies, int]] = deque()
        self._partial: list[Any] = []
        self._unsent: list[bytes] = []
        self._flushing = False
        self._transport: asyncio.Transport | None = None

    def send(self, commands: Sequence[Command]) -> Replies:
        replies: Replies = asyncio.get_running_loop().create_future()
        if self.closed or self._transport is None:
            replies.set_exception(ConnectionError("connection lost"))
            return replies
        self._queue(replies, commands)
        self.flush()
        return replies

    def post(self, commands: Sequence[Command]) -> None:
        """Send with what is sent next: a write and a read of their own would cost as much as all else about them."""
        loop = asyncio.get_running_loop()
        if not self._flushing:  # one timer for many posts: each would wake a process that has nothing to do
            self._flushing = True
            loop.call_later(POSTED_WITHIN_S, self._flush_in_time)
        replies: Replies = loop.create_future()
        replies.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._queue(replies, commands)

    def _flush_in_time(self) -> None:
        self._flushing = False
        self.flush()

    def flush(self) -> None:
        """Send what was posted."""
        if self._unsent and self._transport is not None and not self.closed:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def _queue(self, replies: Replies, commands: Sequence[Command]) -> None:
        self._unsent += map(hiredis.pack_command, commands)  # type: ignore[arg-type]  # its stub says one-tuples
        self._waiting.append((replies, len(commands)))

    def close(self) -> None:
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has its methods, not its class

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            self._partial.append(reply)
            if len(self._partial) == self._waiting[0][1]:
                replies, _ = self._waiting.popleft()
                _settle(replies, self._partial)
                self._partial = []

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        for replies, _ in self._waiting:
            if not replies.done():
                replies.set_exception(ConnectionError("connection lost"))
        self._waiting.clear()


def _settle(replies: Replies, values: list[Any]) -> None:
    if replies.done():  # its request has gone on without it
        return
    errors = [value for value in values if isinstance(value, hiredis.HiredisError)]
    if errors:
        replies.set_exception(errors[0])
    else:
        replies.set_result(values)


def _too_late(replies: Replies) -> None:
    """After a busy spell the loop runs the timer before it reads a reply that has come: let it read first."""
    asyncio.get_running_loop().call_later(0.001, _time_out, replies)


def _time_out(replies: Replies) -> None:
    if not replies.done():
        replies.set_exception(TimeoutError("timed out"))


async def _dial(url: str) -> _Wire:
    parts, loop = urlsplit(url), asyncio.get_running_loop()
    if parts.scheme == "unix":
        return (await loop.create_unix_connection(_Wire, unquote(parts.path)))[1]
    secure = ssl.create_default_context() if parts.scheme == "rediss" else None
    return (await loop.create_connection(_Wire, parts.hostname or "127.0.0.1", parts.port or 6379, ssl=secure))[1]


def _greeting(url: str) -> tuple[Command, ...]:
    parts = urlsplit(url)
    secret = (("AUTH", *(unquote(p) for p in (parts.username, parts.password) if p)),) if parts.password else ()
    database = parts.path.strip("/") if parts.scheme != "unix" else ""
    return (*secret, *((("SELECT", database),) if database else ()))
