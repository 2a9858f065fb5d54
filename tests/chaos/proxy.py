"""A TCP proxy between the service and what it leans on, which can be slow, silent or gone, as networks are."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from enum import Enum
from typing import Any, Self


class Network(Enum):
    """What becomes of bytes and connections."""

    WELL = "well"
    SILENT = "silent"  # connections are taken, and nothing ever comes back
    GONE = "gone"  # connections are cut and refused


class FaultProxy:
    """Passes connections on to a port of this machine, in a thread of its own."""

    def __init__(self, target: int, listen: int) -> None:
        self._target, self.port = target, listen
        self._network, self._delay_s = Network.WELL, 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def well(self) -> None:
        """Pass everything on at once."""
        self._become(Network.WELL)

    def slow(self, seconds: float) -> None:
        """Hold every answer back for so long."""
        self._become(Network.WELL, seconds)

    def silent(self) -> None:
        """Take everything and answer nothing."""
        self._become(Network.SILENT)

    def gone(self) -> None:
        """Cut all connections and refuse new ones."""
        self._become(Network.GONE)

    def _become(self, network: Network, delay_s: float = 0.0) -> None:
        self._network, self._delay_s = network, delay_s
        self._do(self._close() if network is Network.GONE else self._listen())

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(what, self._loop)
        done.result(timeout=60)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._taken, "127.0.0.1", self.port)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()

    async def _taken(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            there, out = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            back.transport.abort()
            return
        self._open |= {back, out}
        try:
            await asyncio.gather(self._passed(here, out, 0.0), self._passed(there, back, None))
        finally:
            for writer in (back, out):
                self._open.discard(writer)
                writer.transport.abort()

    async def _passed(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, delay_s: float | None) -> None:
        """Pass bytes on; those that come back (no `delay_s` of their own) are held up as the network says now."""
        with contextlib.suppress(OSError):
            while data := await source.read(1 << 16):
                if self._network is Network.SILENT:
                    continue
                wait_s = self._delay_s if delay_s is None else delay_s
                if wait_s:
                    self._loop.call_later(wait_s, self._written, sink, data)
                else:
                    self._written(sink, data)
        sink.transport.abort()

    def _written(self, sink: asyncio.StreamWriter, data: bytes) -> None:
        if not sink.transport.is_closing():
            sink.write(data)
