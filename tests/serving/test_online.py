"""One service process: when its pools are drawn again, and that it gives everything back."""

import asyncio
import gc
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvloop

from infra.errors import ReleaseMismatch, Unavailable
from infra.patience import Patience
from serving import metrics
from serving.definition import FollowValues, PoolValues, ProcessValues
from serving.model import proving
from serving.online import Online, online
from serving.systems.home_feed import SERVED
from tests.waiting import PATIENCE_S


def new(world: Any, home: Path, values: ProcessValues = SERVED.process) -> Online:
    """A process that has not begun, on a store with videos in it."""
    return online(replace(SERVED, process=values), world.settings.model_copy(update={"home": home}), "home_feed")


def test_the_first_video_of_all_does_not_wait_for_the_usual_pools(world: Any, tmp_path: Path) -> None:
    pools = PoolValues(every_s=10.0, at_first_s=1.0, rest=0.0)  # however long a busy machine takes for them
    parts = new(world, tmp_path, ProcessValues(pools=pools))

    async def pause_s() -> float:
        await parts._pool()
        return parts._pooling.pause_s

    parts.states.looked = True
    assert asyncio.run(pause_s()) == pools.at_first_s
    asyncio.run(parts.feed._follow())
    assert len(parts.states)
    assert asyncio.run(pause_s()) == pools.every_s
    asyncio.run(parts.feed.stop())


def test_a_process_that_goes_on_without_it_gets_its_files_back(world: Any, tmp_path: Path) -> None:
    async def lived() -> int:
        parts = new(world, tmp_path)
        await parts.start()
        files = open_below(tmp_path)
        await parts.stop()
        return files

    assert asyncio.run(lived()) > 0
    gc.collect()
    assert open_below(tmp_path) == 0


def test_a_trial_that_nobody_waits_for_any_more_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, slow = tmp_path / "pipe", tmp_path / "slow"
    os.mkfifo(pipe)
    slow.write_text(f"#!/bin/sh\nexec 9> {pipe}\nexec sleep 60\n")
    slow.chmod(0o700)
    monkeypatch.setattr(proving.sys, "executable", str(slow))

    async def cancelled() -> bytes:
        trial = asyncio.create_task(proving.prove_in_child(tmp_path, 60.0))
        reading_end = await asyncio.to_thread(os.open, pipe, os.O_RDONLY)  # returns when the child has opened it, too
        trial.cancel()
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(reading_end, gone.set)
        await asyncio.wait_for(gone.wait(), PATIENCE_S)
        return os.read(reading_end, 1)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as service:
        assert service.run(cancelled()) == b"", "the child is no more: nobody holds the other end"


def open_below(folder: Path) -> int:
    """How many files of a folder this process has open."""
    entries = [entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return sum(os.readlink(entry).startswith(str(folder)) for entry in entries)


@pytest.mark.parametrize(
    ("script", "patience", "error", "why"),
    [
        ("exec sleep 60", Patience(idle_s=0.0), Unavailable, "neither CPU time"),
        ("while :; do :; done", Patience(), ReleaseMismatch, "more than 0 s of CPU time"),
    ],
    ids=["it was not let run", "it runs for ever"],
)
def test_a_trial_that_had_no_chance_is_undecided_and_one_that_runs_for_ever_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, patience: Patience, error: type[Exception], why: str
) -> None:
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\n{script}\n")
    slow.chmod(0o700)
    monkeypatch.setattr(proving.sys, "executable", str(slow))
    with pytest.raises(error, match=why):
        asyncio.run(proving.prove_in_child(tmp_path, 0.1, patience))


def test_an_undecided_trial_is_no_refusal_and_is_repeated(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world.release("1")
    world.promote("1")
    refused = metrics.REFUSALS.labels("1")._value.get()

    async def undecided(folder: Path, most_cpu_s: float, patience: Patience) -> None:
        raise Unavailable("its trial: not ready after 60 s")

    async def lived() -> tuple[str | None, str | None]:
        parts = new(world, world.settings.home, ProcessValues(releases=FollowValues(retry_s=0.0)))
        with monkeypatch.context() as starved:
            starved.setattr(proving, "prove_in_child", undecided)
            await parts.releases._follow()
            why = parts.releases.why
        await parts.releases._follow()
        return why, parts.releases.live.version if parts.releases.live else None

    why, live = asyncio.run(lived())
    assert why == "release 1 is not proven yet: its trial: not ready after 60 s"
    assert live == "1"
    assert metrics.REFUSALS.labels("1")._value.get() == refused
