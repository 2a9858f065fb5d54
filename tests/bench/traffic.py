"""The generator: one event loop that sends each request at its moment and notes what came of it.

Run as a process of its own by `open_loop.Load`, which it talks to over its standard input and output.
"""

import asyncio
import pickle
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httptools
import numpy as np
import uvloop

from tests.bench.timer import Timer

if TYPE_CHECKING:
    from tests.bench.open_loop import Judge, Plan

LEAD_S = 0.1  # from the announcement of the start to the start
OPENED = 32  # connections opened before the start


class Line(asyncio.Protocol):
    """One keep-alive connection: at most one request at a time."""

    def __init__(self, traffic: "Traffic") -> None:
        self._traffic, self._transport = traffic, None
        self.request, self._sent = -1, b""
        self._body: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        """Ready to be used."""
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)
        if self.request >= 0:
            transport.write(self._sent)
        else:
            self._traffic.free(self)

    def send(self, request: int, content: bytes) -> None:
        """Send a request now, or as soon as the connection stands."""
        self.request, self._sent, self._body = request, content, []
        if self._transport is not None:
            self._transport.write(content)

    def data_received(self, data: bytes) -> None:
        """Part of an answer."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_body(self, body: bytes) -> None:
        """Part of an answer's body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """A whole answer."""
        request, self.request = self.request, -1
        if request < 0:  # an answer nobody asked for
            self.close()
            return
        keep = self._parser.should_keep_alive()
        self._traffic.answered(request, self._parser.get_status_code(), b"".join(self._body))
        if keep:
            self._traffic.free(self)
        else:
            self.close()

    def connection_lost(self, _: Exception | None) -> None:
        """Broken, by either side."""
        self._transport = None
        request, self.request = self.request, -1
        self._traffic.lost(self, request)

    def close(self) -> None:
        """Give the connection up."""
        if self._transport is not None:
            self._transport.abort()


class Traffic:
    """All requests of a plan, on as many connections as they need."""

    def __init__(self, plan: "Plan", judge: "Judge") -> None:
        self._plan, self._judge = plan, judge
        count = len(plan.at)
        self._contents = [_request(plan, body) for body in plan.bodies]
        self.status = np.zeros(count, dtype=np.int16)
        self.latency, self.late = np.full(count, np.nan), np.zeros(count)
        self.valid, self.retried = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        self.label = np.zeros(count, dtype=np.int16)
        self.words: dict[str, int] = {}
        self._at = plan.at.tolist()
        self._idle: list[Line] = []
        self._waiting: deque[int] = deque()
        self._busy: dict[int, Line] = {}
        self._lines, self._next, self._open, self._given_up = 0, 0, count, 0

    async def run(self, announce: Callable[[float], None]) -> None:
        """Send everything; done when every request was answered or given up."""
        self._loop = asyncio.get_running_loop()
        self._done = self._loop.create_future()
        for _ in range(min(OPENED, self._plan.connections)):
            await self._connect(-1)
        self._timer = Timer(self._loop, self._due)
        self.began = time.monotonic() + LEAD_S
        announce(self.began)
        cpu = time.process_time()
        self._timer.set(self.began + self._at[0])
        sweeping = asyncio.create_task(self._sweep())
        await self._done
        sweeping.cancel()
        self.cpu_s = time.process_time() - cpu

    def _due(self) -> None:
        at, began = self._at, self.began
        now = time.monotonic() - began
        while self._next < len(at) and at[self._next] <= now:
            self.late[self._next] = now - at[self._next]
            self._send(self._next)
            self._next += 1
            now = time.monotonic() - began
        if self._next < len(at):
            self._timer.set(began + at[self._next])

    def _send(self, request: int) -> None:
        if self._idle and not self.retried[request]:  # of a server that is gone, idle ones may be gone, too
            line = self._idle.pop()
            self._busy[request] = line
            line.send(request, self._contents[request % len(self._contents)])
        elif self._lines < self._plan.connections:
            self._loop.create_task(self._connect(request))
        else:
            self._waiting.append(request)

    async def _connect(self, request: int) -> None:
        line = Line(self)
        self._lines += 1
        if request >= 0:
            self._busy[request] = line
            line.send(request, self._contents[request % len(self._contents)])
        try:
            await self._loop.create_connection(lambda: line, self._plan.host, self._plan.port)
        except OSError:
            asked, line.request = line.request, -1
            self.lost(line, asked)

    def free(self, line: Line) -> None:
        """A connection has nothing to do: the request that waits longest gets it."""
        while self._waiting:
            request = self._waiting.popleft()
            if np.isnan(self.latency[request]):
                self._busy[request] = line
                line.send(request, self._contents[request % len(self._contents)])
                return
        self._idle.append(line)

    def answered(self, request: int, status: int, body: bytes) -> None:
        """Note an answer."""
        self._end(request, status)
        valid, word = self._judge(status, body)
        self.valid[request], self.label[request] = valid, self._code(word)

    def lost(self, line: Line, request: int) -> None:
        """A connection broke; the request on it, if any, is sent once more on another one, as a balancer does."""
        self._lines -= 1
        if line in self._idle:
            self._idle.remove(line)
        if request < 0 or not np.isnan(self.latency[request]):
            return
        self._busy.pop(request, None)
        if self.retried[request]:
            self._fail(request, "broken twice")
        else:
            self.retried[request] = True
            self._send(request)

    async def _sweep(self) -> None:
        """Give up on what has waited longer than a caller would."""
        at, patience = self._at, self._plan.patience_s
        while True:
            await asyncio.sleep(0.02)
            past = time.monotonic() - self.began - patience
            await asyncio.sleep(0.001)  # a loop that was late reads what came meanwhile before anything is given up
            while self._given_up < self._next and at[self._given_up] <= past:
                request = self._given_up
                self._given_up += 1
                if np.isnan(self.latency[request]):
                    line = self._busy.get(request)
                    self._fail(request, "given up")
                    if line is not None:
                        line.request = -1
                        line.close()

    def _fail(self, request: int, word: str) -> None:
        self._end(request, 0)
        self.label[request] = self._code(word)

    def _end(self, request: int, status: int) -> None:
        self.latency[request] = time.monotonic() - self.began - self._at[request]
        self.status[request] = status
        self._busy.pop(request, None)
        self._open -= 1
        if not self._open and not self._done.done():
            self._done.set_result(None)

    def _code(self, word: str) -> int:
        return self.words.setdefault(word, len(self.words))


def _request(plan: "Plan", body: bytes) -> bytes:
    """One request as it goes over the wire."""
    head = "".join(f"{name}: {value}\r\n" for name, value in plan.headers.items())
    first = f"POST {plan.path} HTTP/1.1\r\nhost: {plan.host}\r\n"
    return f"{first}{head}content-length: {len(body)}\r\n\r\n".encode() + body


def main() -> None:
    """Run the plan that comes in: tells the moment it begins, then what an Outcome is made of."""
    plan, judge = pickle.load(sys.stdin.buffer)
    traffic = Traffic(plan, judge)
    uvloop.run(traffic.run(_tell))
    _tell({
        "status": traffic.status, "latency": traffic.latency, "valid": traffic.valid, "label": traffic.label,
        "labels": tuple(traffic.words), "late": traffic.late, "retried": traffic.retried, "began": traffic.began,
        "cpu_s": traffic.cpu_s,
    })  # fmt: skip


def _tell(what: object) -> None:
    pickle.dump(what, sys.stdout.buffer)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
