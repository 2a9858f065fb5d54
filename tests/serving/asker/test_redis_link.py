"""The link to Redis: strict about time, free of charge while Redis is down, back on its own."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from infra import redis_server
from infra.errors import Unavailable
from serving.asker.redis_link import RedisLink
from serving.definition import BreakerValues
from tests.waiting import PATIENCE_S


async def linked(url: str, use: Callable[[RedisLink], Awaitable[Any]], timeout_s: float = 1.0) -> Any:
    link = RedisLink(url, timeout_s)
    await link.start()
    try:
        return await use(link)
    finally:
        await link.stop()


def test_commands_sent_as_one_are_answered_in_order(redis_url: str) -> None:
    async def use(link: RedisLink) -> Any:
        link.tell(("SET", "a", b"1"), ("SET", "b", "2"))
        return await asyncio.gather(link.ask(("MGET", "a", "b", "c")), link.ask(("GET", "b"), ("LRANGE", "none", 0, 9)))

    assert asyncio.run(linked(redis_url, use)) == [[[b"1", b"2", None]], [b"2", []]]


def test_a_refused_command_fails_alone(redis_url: str) -> None:
    async def use(link: RedisLink) -> Any:
        with pytest.raises(Unavailable, match=r"redis: .*unknown command"):
            await link.ask(("NONSENSE",))
        return await link.ask(("PING",))

    assert asyncio.run(linked(redis_url, use)) == [b"PONG"]


def test_without_a_server_nobody_waits() -> None:
    async def use(link: RedisLink) -> Any:
        assert not link.up
        with pytest.raises(Unavailable, match=r"Connect call failed|refused"):
            await link.ask(("PING",))

    asyncio.run(linked("redis://127.0.0.1:1/0", use))


@pytest.mark.parametrize("secret", ["", ":wrong@", "nobody:pass@"])
def test_a_server_that_asks_for_another_password_counts_as_down(tmp_path: Path, secret: str) -> None:
    async def use(link: RedisLink) -> Any:
        assert not link.up
        with pytest.raises(Unavailable, match=r"redis: (NOAUTH|WRONGPASS)") as refused:
            await link.ask(("PING",))
        assert "wrong" not in str(refused.value).replace("WRONGPASS", "")
        return refused.value

    with redis_server.running(f"unix://:p%40ss@{tmp_path}/a%20socket", tmp_path) as url:
        asyncio.run(linked(url.replace(":p%40ss@", secret), use))
        assert asyncio.run(linked(url, lambda link: link.ask(("PING",)))) == [b"PONG"]


def test_a_silent_server_opens_the_breaker_and_closes_it_when_it_speaks() -> None:
    """A server that takes connections and answers only while it is told to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        speaks = threading.Event()
        speaks.set()
        threading.Thread(target=_serve, args=(server, speaks), daemon=True).start()

        async def use(link: RedisLink) -> Any:
            assert await link.ask(("PING",)) == [b"PONG"]
            speaks.clear()
            for _ in range(BreakerValues().failures):
                with pytest.raises(Unavailable, match="timed out"):
                    await link.ask(("PING",))
            assert not link.up
            with pytest.raises(Unavailable, match="timed out"):
                await link.ask(("PING",))
            speaks.set()
            async with asyncio.timeout(PATIENCE_S):
                while not link.up:
                    await asyncio.sleep(0.05)
            assert await link.ask(("PING",)) == [b"PONG"]

        asyncio.run(linked(f"redis://127.0.0.1:{server.getsockname()[1]}", use, timeout_s=0.1))


def _serve(server: socket.socket, speaks: threading.Event) -> None:
    def talk(client: socket.socket) -> None:
        with client:
            while client.recv(4096):
                if speaks.is_set():
                    client.sendall(b"+PONG\r\n")

    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=talk, args=(client,), daemon=True).start()
