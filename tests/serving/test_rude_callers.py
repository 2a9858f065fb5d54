"""The real service beside callers that send without an end, drip, or only connect: the others are answered."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.access.keyring import bearer
from serving.launch import serving
from tests.bench import costs
from tests.serving.raw import dial, head, rest

WORKERS, PLACES = 2, 200
ENDLESS = 80 << 20
MORE_MIB = 40.0  # far less than one of those headers


@pytest.fixture(scope="module")
def address(lasting_world: Any) -> Iterator[str]:
    lasting_world.release("1")
    lasting_world.promote("1")
    settings = lasting_world.settings.model_copy(
        update={"service_workers": WORKERS, "connections": PLACES, "head_s": 1.0, "body_s": 1.0}
    )
    with serving(settings) as started:
        yield started


@pytest.fixture
def feed(address: str, lasting_world: Any) -> Callable[[], None]:
    """Asks for a feed on a connection of its own, as a caller that comes just now."""
    may = bearer(lasting_world.settings, "rank")

    def ask() -> None:
        answer = httpx.post(f"{address}/v1/feed", json={"user_id": "u1", "preview": True}, headers=may, timeout=30)
        assert answer.status_code == 200, answer.text
        assert answer.json()["items"]

    return ask


def memory_mib(address: str) -> float:
    """What the workers that answer on this port use."""
    port = f":{int(address.rpartition(':')[2]):04X}"
    inodes = {
        line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines() if f"{port} 00000000:0000" in line
    }
    mib = sum(process.rss for pid in _holding(inodes) for process in costs.memory(pid))
    assert mib > 50, "a worker takes more than that"
    return mib


def _holding(inodes: set[str]) -> set[int]:
    pids = set()
    for file in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(file.readlink())[8:-1] in inodes:
                pids.add(int(file.parts[2]))
    return {pid for pid in pids if pid == min(pids)}  # the one that started the others is told with them


def test_headers_without_an_end_keep_nobody_waiting(address: str, feed: Callable[[], None]) -> None:
    before, answers = memory_mib(address), []

    def send() -> None:
        caller = dial(address)
        with suppress(ConnectionError):
            caller.sendall(head() + b"x: " + b"x" * ENDLESS)
        answers.append(rest(caller))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        feed()
        assert memory_mib(address) < before + MORE_MIB
    assert all(not answer or b" 431 " in answer for answer in answers)
    feed()


@pytest.mark.parametrize("ends", [b"", b"\r\n"], ids=["headers", "a body"])
def test_what_drips_is_given_up(address: str, feed: Callable[[], None], lasting_world: Any, ends: bytes) -> None:
    may = [f"{name}: {value}" for name, value in bearer(lasting_world.settings, "rank").items()]
    with dial(address, timeout_s=0.05) as caller:
        caller.sendall(
            head("/v1/feed", "POST", "content-type: application/json", "content-length: 100000", *may) + ends
        )
        ended = b""
        while True:
            try:
                if ended := caller.recv(1 << 16):
                    break
            except TimeoutError:
                feed()
                caller.sendall(b"x")
        assert ended.split(b" ")[1] == b"408"


def test_connections_that_never_ask_keep_nobody_out(address: str, feed: Callable[[], None], lasting_world: Any) -> None:
    before, may = memory_mib(address), bearer(lasting_world.settings, "rank")["authorization"]
    half = head("/v1/feed", "POST", "content-type: application/json", f"authorization: {may}", "content-length: 9")
    with ExitStack() as open_ones:
        callers = [open_ones.enter_context(dial(address)) for _ in range(3 * WORKERS * PLACES)]
        for i, said in enumerate((b"", b"GET /heal", half + b"\r\n{")):
            for caller in callers[i::3]:
                with suppress(ConnectionError):
                    caller.sendall(said)
        for _ in range(20):
            feed()
        assert memory_mib(address) < before + MORE_MIB
        for caller in callers:
            assert rest(caller)[:12] in {b"", b"HTTP/1.1 408"}, "each of them ends"


def test_requests_without_an_end_on_one_connection_let_others_through(address: str, feed: Callable[[], None]) -> None:
    before = memory_mib(address)
    with ExitStack() as open_ones:
        for _ in range(10):
            caller = open_ones.enter_context(dial(address, timeout_s=1.0))
            with suppress(ConnectionError, socket.timeout):
                caller.sendall((head() + b"\r\n") * 50_000)
            feed()
        assert memory_mib(address) < before + MORE_MIB
