"""The load generator proves itself: on a server that stalls, one that breaks, and one that it cannot keep up with."""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, ClassVar

import numpy as np
import pytest

from tests.bench.open_loop import LateGeneratorError, Outcome, Plan, drive, poisson, steady

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
STALL_S = 1.0


class Server(asyncio.Protocol):
    """Answers `ok` at once."""

    asked = 0

    def connection_made(self, transport: Any) -> None:
        """A caller came."""
        self.transport = transport

    def data_received(self, _: bytes) -> None:
        """One request, as the generator sends them one at a time."""
        type(self).asked += 1
        self.answer()

    def answer(self) -> None:
        """What this kind of server does."""
        self.transport.write(ANSWER)


class Stalling(Server):
    """Does nothing at all for a second after its hundredth request."""

    def answer(self) -> None:
        """Hold up everybody, once."""
        if self.asked == 100:
            time.sleep(STALL_S)
        super().answer()


class Breaking(Server):
    """Closes every tenth connection instead of answering."""

    def answer(self) -> None:
        """Answer or break."""
        if self.asked % 10 == 0:
            self.transport.abort()
        else:
            super().answer()


class Restarted(Server):
    """Is replaced at its hundredth request: whoever was connected is not any more, whoever comes is answered."""

    open: ClassVar[list[Any]] = []

    def connection_made(self, transport: Any) -> None:
        """A caller came."""
        super().connection_made(transport)
        self.open.append(transport)

    def answer(self) -> None:
        """Answer or break off with everybody."""
        if self.asked == 100:
            for transport in self.open:
                transport.abort()
            self.open.clear()
        else:
            super().answer()


class Mute(Server):
    """Never answers."""

    def answer(self) -> None:
        """Nothing."""


def _serve(kind: type[Server], parent: Connection) -> None:
    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(kind, "127.0.0.1", 0)
        parent.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


@contextmanager
def serving(kind: type[Server]) -> Iterator[int]:
    """The port of such a server, in a process of its own."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(kind, there))
    process.start()
    try:
        yield here.recv()
    finally:
        process.kill()
        process.join()


def driven(kind: type[Server], at: Any, **options: Any) -> Outcome:
    """What became of a plan on such a server; the machine may be busy with other tests."""
    with serving(kind) as port:
        return drive(Plan("127.0.0.1", port, "/", at, (b"{}",), **{"late_ms": 1000.0, **options}))


def test_every_request_meant_for_a_stall_is_measured() -> None:
    """A closed loop would report one slow answer; here all that were due meanwhile waited for what was left of it."""
    done = driven(Stalling, steady(200, 2.0))
    stalled_at = 100 / 200
    during = (done.plan.at > stalled_at + 0.05) & (done.plan.at < stalled_at + STALL_S - 0.05)
    left = stalled_at + STALL_S - done.plan.at[during]
    assert during.sum() > 150
    assert (done.latency[during] > left - 0.1).all()
    assert (done.status == 200).all()
    assert done.percentiles()["p99"] > 800
    assert done.goodput(within_s=0.18) < 150


def test_a_request_whose_connection_broke_is_sent_once_more() -> None:
    done = driven(Breaking, steady(300, 1.0))
    assert (done.status == 200).sum() + done.counts().get("broken twice", 0) == 300
    assert done.retried.sum() >= 30
    assert done.valid.mean() > 0.9


def test_it_is_sent_once_more_on_a_connection_that_was_not_there_when_the_first_broke() -> None:
    """Of a server that is gone the generator holds thirty connections more, each as dead as the first."""
    done = driven(Restarted, steady(300, 1.0))
    assert done.retried.any()
    assert (done.status == 200).all()


def test_nobody_waits_for_ever() -> None:
    done = driven(Mute, steady(50, 0.5), patience_s=0.3)
    assert done.counts() == {"given up": 25}
    assert (done.latency >= 0.3).all()
    assert not done.valid.any()
    assert done.goodput() == 0


def test_nobody_listens() -> None:
    with serving(Server) as port:
        pass
    done = drive(Plan("127.0.0.1", port, "/", steady(50, 0.3), (b"{}",), late_ms=1000.0))
    assert done.counts() == {"broken twice": 15}


def test_a_generator_that_cannot_keep_to_its_schedule_says_so() -> None:
    with pytest.raises(LateGeneratorError, match="ms late"):
        driven(Server, steady(200_000, 0.05), late_ms=5.0)


def test_arrivals_are_drawn_beforehand() -> None:
    first, again, other = poisson(500, 4, 1), poisson(500, 4, 1), poisson(500, 4, 2)
    assert np.array_equal(first, again)
    assert not np.array_equal(first[:100], other[:100])
    assert abs(len(first) - 2000) < 5 * np.sqrt(2000)
    gaps = np.diff(first)
    assert abs(gaps.std() / gaps.mean() - 1) < 0.1, "as irregular as independent callers are"
