"""One service process: when its pools are drawn again, and that it gives everything back."""

import asyncio
import gc
import os
from pathlib import Path
from typing import Any

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


def open_below(folder: Path) -> int:
    """How many files of a folder this process has open."""
    entries = [entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return sum(os.readlink(entry).startswith(str(folder)) for entry in entries)
