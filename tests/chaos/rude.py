"""Callers that behave badly, in a process of their own: they send without an end, drip, or only connect."""

import asyncio
import resource
import sys
from collections.abc import Awaitable, Callable
from functools import partial

HEAD = b"POST /v1/feed HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
ENDLESS = 80 << 20
PIECE = 1 << 20
AT_ONCE = 200  # connections opened at a time: more than wait in the listening socket's queue are tried again late


async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Headers of 80 MB that do not end."""
    writer.write(HEAD + b"x: ")
    for _piece in range(ENDLESS // PIECE):
        writer.write(b"x" * PIECE)
        await writer.drain()


async def dripping(_: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
    """A byte now and then."""
    writer.write(head)
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(1.0)


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Nothing, until the other side ends it."""
    await reader.read()


async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Half of an address, and no more."""
    writer.write(b"GET /heal")
    await reader.read()


async def pipelined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Requests without waiting for an answer, and no answer is read."""
    while True:
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n" * 2000)
        await writer.drain()


async def crowd(address: tuple[str, int], count: int, does: Callable[..., Awaitable[None]]) -> None:
    """So many connections that do this; for each that was ended a new one is opened."""
    place = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        while True:
            try:
                async with place:
                    reader, writer = await asyncio.open_connection(*address)
                try:
                    await does(reader, writer)
                finally:
                    writer.transport.abort()
            except OSError:
                await asyncio.sleep(0.1)

    await asyncio.gather(*(one() for _ in range(count)))


def kinds(may: bytes) -> dict[str, Callable[..., Awaitable[None]]]:
    """What a caller may do; `may` is the header that lets it send a body."""
    return {
        "endless": endless,
        "dripping headers": partial(dripping, head=HEAD + b"x: "),
        "dripping body": partial(dripping, head=HEAD + may + b"content-length: 100000\r\n\r\n"),
        "silent": silent,
        "half": half,
        "pipelined": pipelined,
    }


def main() -> None:
    """Until it is ended from outside: what it may show is on its standard input."""
    port, kind, count = sys.argv[1:]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    does = kinds(sys.stdin.readline().strip().encode() + b"\r\n")[kind]
    asyncio.run(crowd(("127.0.0.1", int(port)), int(count), does))


if __name__ == "__main__":
    main()
