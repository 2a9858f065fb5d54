"""One request at a time does what costs, in the order they came, and whoever comes meanwhile is seen at once."""

import asyncio
from time import perf_counter
from typing import Any

import pytest

from serving.limits.request_queue import PAUSE, Pace, RequestQueue
from tests.waiting import PATIENCE_S


def test_who_comes_alone_does_not_wait() -> None:
    async def alone() -> bool:
        passing = RequestQueue().turn()
        with pytest.raises(StopIteration):
            passing.send(None)
        return True

    assert asyncio.run(alone())


def test_a_crowd_passes_one_by_one_in_the_order_it_came() -> None:
    """The loop does everything else that is ready between two turns."""

    async def crowd() -> list[Any]:
        queue, passed = RequestQueue(), []
        loop, began = asyncio.get_running_loop(), 0

        def tick() -> None:
            nonlocal began
            began += 1
            loop.call_soon(tick)

        async def ask(number: int) -> None:
            await queue.turn()
            passed.append((number, began))

        loop.call_soon(tick)
        await asyncio.gather(*(ask(number) for number in range(20)))
        return passed

    passed = asyncio.run(crowd())
    assert [number for number, _ in passed] == list(range(20))
    assert len({iteration for _, iteration in passed}) == 20


def test_a_caller_that_comes_between_two_turns_is_seen_between_them() -> None:
    """A real socket: what arrives while one works is read before the next one does."""

    async def crowd() -> list[str]:
        queue, order = RequestQueue(), []
        done = asyncio.Event()

        async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            order.append("a caller")
            writer.close()
            done.set()

        server = await asyncio.start_server(taken, "127.0.0.1", 0)
        _, caller = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])

        async def work(number: int) -> None:
            await queue.turn()
            order.append("work")
            if number == 0:
                caller.write(b"x")

        await asyncio.gather(*(work(number) for number in range(30)), done.wait())
        server.close()
        return order

    order = asyncio.run(crowd())
    assert order.index("a caller") < 10


def test_one_that_gives_up_is_left_out() -> None:
    async def crowd() -> list[int]:
        queue, passed = RequestQueue(), []

        async def ask(number: int) -> None:
            await queue.turn()
            passed.append(number)

        requests = [asyncio.create_task(ask(number)) for number in range(4)]
        await asyncio.sleep(0)
        requests[1].cancel()
        requests[2].cancel()
        await asyncio.gather(*requests, return_exceptions=True)
        await asyncio.wait_for(queue.turn(), timeout=PATIENCE_S)
        return passed

    assert asyncio.run(crowd()) == [0, 3]


def test_a_pace_is_what_turns_take_when_one_follows_another() -> None:
    async def crowd() -> tuple[float, float]:
        queue, slow, other = RequestQueue(), Pace(0.004), Pace(0.001)

        async def ask() -> None:
            await queue.turn()
            queue.during = slow
            until = perf_counter() + 0.008
            while perf_counter() < until:
                pass

        await asyncio.gather(*(ask() for _ in range(40)))
        return slow.s, other.s

    slow, other = asyncio.run(crowd())
    assert slow >= 0.0075
    assert other == 0.001


def test_one_pause_is_no_pace() -> None:
    pace = Pace(0.003)
    pace.note(10.0)
    assert pace.s < 0.004
    for _ in range(100):
        pace.note(0.030)
    assert pace.s == pytest.approx(0.030, rel=0.01)
    assert PAUSE > 1
