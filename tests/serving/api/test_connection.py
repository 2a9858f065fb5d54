"""A connection's limits, on a real socket: what a caller may send, how long it may take, and how many may come."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import uvicorn

from serving.access.refused import RefusedError
from serving.api.connection import HEAD_BYTES, HEADERS, MESSAGE_BYTES, PIPELINED, Connection, ReceiveTimes
from serving.api.hot_routes import MOST_BYTES, HotRoutes, Post
from serving.limits.connection_limit import ConnectionLimit
from tests.serving.raw import head

SOON = ReceiveTimes(head_s=0.2, body_s=0.2, keep_alive_s=0.2)
LATER = ReceiveTimes(head_s=60.0, body_s=60.0, keep_alive_s=60.0)
JSON = "content-type: application/json"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


async def _answered(body: bytes, roles: Any) -> tuple[int, bytes]:
    return 200, b'{"bytes": %d}' % len(body)


async def _page(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def _stranger(headers: Any, reached: str) -> Any:
    raise RefusedError(401, "who are you?")


APP = HotRoutes(
    _page,
    {
        "/v1/feed": Post(lambda headers, reached: frozenset(), _answered, lambda status: None),
        "/v1/secret": Post(_stranger, _answered, lambda status: None),
    },
    lambda headers, reached: frozenset(),
)


def talk(say: Talk, patience: ReceiveTimes = LATER, crowd: ConnectionLimit | None = None) -> Any:
    """What a caller sees of a server with these limits."""

    async def both() -> Any:
        config = uvicorn.Config(APP, log_config=None, server_header=False, lifespan="off")
        config.load()
        server = uvicorn.Server(config)
        loop = asyncio.get_running_loop()

        def connection() -> Connection:
            return Connection(
                patience,
                crowd or ConnectionLimit(1000, 1000),
                config=config,
                server_state=server.server_state,
                app_state={},
            )

        async with await loop.create_server(connection, "127.0.0.1", 0) as listening:
            address = listening.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection(*address)
            try:
                return await asyncio.wait_for(say(reader, writer), 60.0)
            finally:
                writer.transport.abort()

    return asyncio.run(both())


def sends(*pieces: bytes, patience: ReceiveTimes = LATER, crowd: ConnectionLimit | None = None) -> bytes:
    """All that the server answers to some bytes until it ends the connection."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        answers = b""
        with suppress(ConnectionError):
            while got := await reader.read(1 << 16):
                answers += got
        return answers

    return bytes(talk(say, patience, crowd))


def first_answer(*pieces: bytes) -> bytes:
    """The first answer to some bytes, whether or not the connection ends."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.writelines(pieces)
        return await reader.readuntil(b"\r\n\r\n")

    return bytes(talk(say))


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def with_headers(count: int, bytes_each: int = 4) -> bytes:
    lines = [f"x-{i}: {'x' * bytes_each}" for i in range(count)]
    return head("/healthz", "GET", *lines, "connection: close") + b"\r\n"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (with_headers(HEADERS - 2), 200),
        (with_headers(HEADERS), 431),
        (with_headers(1, HEAD_BYTES - 500), 200),
        (with_headers(1, HEAD_BYTES), 431),
        (with_headers(40, HEAD_BYTES // 39), 431),
        (head("/" + "x" * HEAD_BYTES) + b"\r\n", 431),
        (head() + b"x: " + b"x" * (4 * HEAD_BYTES), 431),
        (b"GET /" + b"x" * (4 * HEAD_BYTES), 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is TLS\r\n\r\n", 400),
        (b"GET /%zz\xff HTTP/1.1\r\n\r\n", 400),
    ],
    ids=["as many as may be", "too many", "as long as may be", "too long", "too long together", "too long an address",
         "a header without an end", "an address without an end", "TLS", "an address that is none"],
)  # fmt: skip
def test_the_headers_of_a_request_are_bounded(request_: bytes, expected: int) -> None:
    assert status(sends(request_)) == expected


def test_headers_after_the_body_are_not_read() -> None:
    start = head("/v1/feed", "POST", JSON, "transfer-encoding: chunked") + b"\r\n2\r\n{}\r\n0\r\n"
    more = b"authorization: Bearer x\r\n" * 2 * HEADERS + b"\r\n"
    assert sends(start + more + head("/healthz", "GET", "connection: close") + b"\r\n").count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize(
    ("start", "expected"),
    [(b"", b""), (b"\r\n", b""), (b"GET /heal", b"408"), (head(), b"408"),
     (head("/v1/feed", "POST", JSON, "content-length: 10") + b'\r\n{"a', b"408")],
    ids=["nothing", "an empty line", "half an address", "no end of the headers", "half a body"],
)  # fmt: skip
def test_a_request_that_does_not_become_whole_is_given_up(start: bytes, expected: bytes) -> None:
    assert sends(start, patience=SOON).partition(b" ")[2][:3] == expected


@pytest.mark.parametrize("start", [head() + b"x: ", head("/v1/feed", "POST", JSON, "content-length: 100000") + b"\r\n"])
def test_bytes_that_drip_do_not_put_the_end_off(start: bytes) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(start)
        answer = asyncio.ensure_future(reader.read())
        while not answer.done():
            writer.write(b"x")
            await asyncio.wait([answer], timeout=0.02)
        return await answer

    assert status(talk(say, SOON)) == 408


def test_a_stranger_may_not_send_a_body_without_an_end_after_the_refusal() -> None:
    start = head("/v1/secret", "POST", JSON, f"content-length: {1 << 40}") + b"\r\n"
    assert status(sends(start, patience=SOON)) == 401, "and the connection was ended"
    pieces = [b"x" * (1 << 20)] * (2 * MESSAGE_BYTES >> 20)
    assert status(sends(start, *pieces)) == 401


def test_a_body_is_bounded_while_it_comes() -> None:
    start = head("/v1/feed", "POST", JSON, "transfer-encoding: chunked") + b"\r\n"
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    assert status(first_answer(start, *[chunk] * (MOST_BYTES // 65536 + 2))) == 413
    padded = b"1;" + b"x" * 65536 + b"\r\nx\r\n"
    assert status(first_answer(start, *[padded] * (MESSAGE_BYTES // 65536 + 2))) == 413, (
        "bytes around the body count, too"
    )


def test_a_connection_at_rest_is_ended() -> None:
    assert status(sends(head() + b"\r\n", patience=SOON)) == 200


def test_requests_on_one_connection_are_answered_in_order() -> None:
    posts = [
        head("/v1/feed", "POST", JSON, f"content-length: {size}") + b"\r\n" + b"x" * size for size in range(PIPELINED)
    ]
    answers = sends(b"".join(posts) + head("/healthz", "GET", "connection: close") + b"\r\n")
    sizes = [answers.index(b'{"bytes": %d}' % size) for size in range(PIPELINED)]
    assert sizes == sorted(sizes)


def test_more_requests_than_may_wait_end_the_connection_after_those_that_do() -> None:
    answers = sends((head() + b"\r\n") * 20_000)
    assert answers.count(b"HTTP/1.1 200") == PIPELINED + 1


def test_answers_that_nobody_takes_are_given_up() -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiving = writer.get_extra_info("socket")
        receiving.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        while len(limit):
            if not writer.transport.is_closing():
                writer.write((head() + b"\r\n") * PIPELINED)
            await asyncio.sleep(0.001)

    limit = ConnectionLimit(1000, 1000)
    talk(say, SOON, limit)


def test_where_all_places_are_needed_a_newcomer_is_refused() -> None:
    assert status(sends(crowd=_crowd_with(3, busy=True, most=3))) == 503


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [("192.0.2.1", "192.0.2.1", True), ("192.0.2.1", "192.0.2.2", False), ("192.0.2.1", "::ffff:192.0.2.1", True),
     ("2001:db8::1", "2001:db8::ffff", True), ("2001:db8::1", "2001:db8:0:1::1", False),
     ("fe80::1%eth0", "fe80::2", True),
     ("127.0.0.1", "127.0.0.1", False), ("::1", "::1", False), ("::ffff:127.0.0.1", "127.0.0.1", False),
     ("10.1.2.3", "10.1.2.3", False), (None, None, False), ("", "", False)],
)  # fmt: skip
def test_one_address_may_have_its_share(first: str | None, second: str | None, shared: bool) -> None:
    crowd = ConnectionLimit(10, 1, ["10.1.0.0/16", "fd00::/8"])
    one = Waiting()
    assert crowd.enter(one, first)
    assert crowd.enter(Waiting(), second) is not shared
    crowd.leave(one)
    assert crowd.enter(Waiting(), first) or not shared


OPENED = """
import resource, sys
soft, hard = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from serving.limits.connection_limit import open_files
print(open_files(1000), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [(300, 4000, "1000 1256 4000"), (2000, 4000, "1000 2000 4000"), (300, 600, "344 600 600")],
    ids=["raised", "enough", "not enough, and said so"],
)
def test_a_worker_may_open_as_many_files_as_it_needs(soft: int, hard: int, expected: str) -> None:
    run = [sys.executable, "-c", OPENED, str(soft), str(hard)]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected
    assert ("FLYWHEEL_CONNECTIONS" in done.stderr) is (soft < 1256 > hard)


def test_a_proxy_that_is_no_address_is_named() -> None:
    with pytest.raises(ValueError, match=r"FLYWHEEL_TRUSTED_PROXIES names `balancer`"):
        ConnectionLimit(10, 1, ["balancer"])


class Waiting:
    """A connection, as the crowd sees it."""

    def __init__(self, busy: bool = False) -> None:
        self.busy, self.gone = busy, False

    def evicted(self) -> None:
        self.gone = True


def _crowd_with(
    count: int, most: int = 10, a_peer: int = 10, address: str = "192.0.2.1", busy: bool = False
) -> ConnectionLimit:
    crowd = ConnectionLimit(most, a_peer)
    for _ in range(count):
        assert crowd.enter(Waiting(busy), address)
    return crowd


def test_a_newcomer_gets_the_place_of_whoever_waited_longest() -> None:
    crowd, some = ConnectionLimit(4, 100), [Waiting() for _ in range(4)]
    for who in some:
        crowd.enter(who, "192.0.2.1")
    crowd.asked(some[0])
    some[1].busy = True
    assert crowd.enter(Waiting(), "192.0.2.1")
    assert [who.gone for who in some] == [False, False, True, False], "who asked stays, who is being answered stays"
    assert len(crowd) == 4
