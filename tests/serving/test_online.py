"""One service process: when its pools are drawn again, and that it gives everything back."""

import asyncio
import gc
import os
from pathlib import Path
from typing import Any

import pytest
import uvloop

from serving import releases
from serving.home_feed import SERVED
from serving.online import POOLS_AT_FIRST_S, POOLS_EVERY_S, Online, online


def new(world: Any, home: Path) -> Online:
    """A process that has not begun, on a store with videos in it."""
    return online(SERVED, world.settings.model_copy(update={"home": home}), "home_feed")


def test_the_first_video_of_all_does_not_wait_for_the_usual_pools(world: Any, tmp_path: Path) -> None:
    parts = new(world, tmp_path)

    async def pause_s() -> float:
        await parts._pool()
        return parts._pooling.pause_s

    parts.states.looked = True
    assert asyncio.run(pause_s()) == POOLS_AT_FIRST_S
    asyncio.run(parts.feed._follow())
    assert len(parts.states)
    assert asyncio.run(pause_s()) == POOLS_EVERY_S
    asyncio.run(parts.feed.stop())


def test_a_process_that_goes_on_without_it_gets_its_files_back(world: Any, tmp_path: Path) -> None:
    async def lived() -> int:
        parts = new(world, tmp_path)
        await parts.start()
        held = open_below(tmp_path)
        await parts.stop()
        return held

    assert asyncio.run(lived()) > 0
    gc.collect()
    assert open_below(tmp_path) == 0


def test_a_trial_that_nobody_waits_for_any_more_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, slow = tmp_path / "pipe", tmp_path / "slow"
    os.mkfifo(pipe)
    slow.write_text(f"#!/bin/sh\nexec 9> {pipe}\nexec sleep 60\n")
    slow.chmod(0o700)
    monkeypatch.setattr(releases.sys, "executable", str(slow))

    async def cancelled() -> bytes:
        trial = asyncio.create_task(releases._trial(tmp_path))
        held = await asyncio.to_thread(os.open, pipe, os.O_RDONLY)  # it is there once the child has opened it, too
        trial.cancel()
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(held, gone.set)
        await asyncio.wait_for(gone.wait(), 10)
        return os.read(held, 1)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as service:
        assert service.run(cancelled()) == b"", "the child is no more: nobody holds the other end"


def open_below(folder: Path) -> int:
    """How many files of a folder this process has open."""
    entries = [entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return sum(os.readlink(entry).startswith(str(folder)) for entry in entries)
