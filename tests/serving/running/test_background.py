"""Work beside the requests goes on after a failure, and is ended without being torn."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from serving.running import background
from serving.running.background import Background
from tests.waiting import PATIENCE_S


async def ran(turn: Callable[[], Awaitable[None]], until: asyncio.Event, at_once: bool = True) -> None:
    work = Background(turn, pause_s=0.001)
    work.start(at_once)
    async with asyncio.timeout(PATIENCE_S):
        await until.wait()
    await work.stop()


def test_a_turn_that_fails_is_logged_and_the_next_one_comes(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "REST_S", 0.001)
    turns: list[int] = []

    async def failing() -> None:
        done = asyncio.Event()

        async def turn() -> None:
            turns.append(len(turns))
            if len(turns) == 1:
                raise ValueError("the first one breaks")
            done.set()

        await ran(turn, done, at_once=False)

    asyncio.run(failing())
    assert len(turns) >= 2
    assert "the first one breaks" in caplog.text


def test_a_turn_that_has_begun_ends_before_the_work_does() -> None:
    ended = []

    async def working() -> None:
        begun = asyncio.Event()

        async def turn() -> None:
            begun.set()
            await asyncio.sleep(0.05)
            ended.append(True)

        await ran(turn, begun)

    asyncio.run(working())
    assert ended == [True]


def test_a_turn_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "PATIENCE_S", 0.01)
    cancelled = []

    async def hanging() -> None:
        begun = asyncio.Event()

        async def turn() -> None:
            begun.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        await ran(turn, begun)

    asyncio.run(hanging())
    assert cancelled == [True]


def test_work_that_never_began_can_be_ended() -> None:
    async def idle() -> None:
        await Background(lambda: asyncio.sleep(0)).stop()

    asyncio.run(idle())
