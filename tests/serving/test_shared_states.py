"""One copy of the states for all processes of a machine: written by one, read by all, there after everybody stopped."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import time
from typing import Any

import pytest

from feature_repo.records import connect, redis_records
from feature_repo.records.layout import layouts
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from infra.errors import Unavailable
from serving.definition import StateValues
from serving.items import shared_arrays
from serving.items.item_states import ItemStates
from serving.items.shared_arrays import SharedArrays
from serving.items.state_follower import StateFeed
from serving.items.state_writer import StateWriter
from serving.items.writer_election import WriterLock
from serving.online import online
from serving.systems.home_feed import SERVED, SERVICE
from tests.waiting import PATIENCE_S, until

PAUSE = threading.Event()
LAYOUTS = layouts(FEATURES)
# A process that follows Redis as a service does, and says how many items it knows at its start.
FOLLOWER = """
import asyncio, sys
from pathlib import Path
from feature_repo.records import connect
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from feature_repo.records.layout import layouts
from serving.systems.home_feed import SERVICE
from serving.items.item_states import ItemStates
from serving.items.state_follower import StateFeed

async def follow():
    states = ItemStates(FEATURES, SERVICE, Path(sys.argv[1]))
    feed = StateFeed(connect(sys.argv[2]), layouts(FEATURES), states)
    await feed.start()
    print(len(states), flush=True)
    await asyncio.Event().wait()

asyncio.run(follow())
"""


@contextmanager
def process(code: str, *args: object) -> Iterator["subprocess.Popen[str]"]:
    """A process that has written its first line, `said`."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)], stdout=subprocess.PIPE, text=True
    ) as running:  # fmt: skip
        try:
            assert running.stdout is not None
            running.said = running.stdout.readline().strip()  # type: ignore[attr-defined]
            yield running
        finally:
            running.kill()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "states"


def writer(world: Any, states: ItemStates, **values: float) -> StateWriter:
    begun = StateWriter(connect(world.settings.redis_url), LAYOUTS, states, StateValues(**values))
    begun.begin(resume=False)
    return begun


def known(states: ItemStates, *items: str) -> list[bool]:
    return states.gather(states.rows(items)).known.tolist()


def test_two_processes_map_one_copy_and_one_of_them_writes(world: Any, folder: Path) -> None:
    states = ItemStates(FEATURES, SERVICE, folder)
    with process(FOLLOWER, folder, world.settings.redis_url) as holder:
        assert holder.said == "60"  # type: ignore[attr-defined]
        assert len(states) == 60, "what it wrote is here too"
        assert not WriterLock(states.arrays.folder).elected()
        assert known(states, "v3", "v60") == [True, False]
        world.describe(60)
        until(lambda: known(states, "v60") == [True])
        mapped = Path(f"/proc/{holder.pid}/maps").read_text()
        assert str(states.arrays.folder / f"{SERVICE.item}.rows") in mapped


def test_when_the_writer_is_killed_another_takes_over_and_changes_go_on_arriving(world: Any, folder: Path) -> None:
    states = ItemStates(FEATURES, SERVICE, folder)
    with (
        process(FOLLOWER, folder, world.settings.redis_url) as first,
        process(FOLLOWER, folder, world.settings.redis_url) as second,
    ):
        assert second.said == "60"  # type: ignore[attr-defined]
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        world.describe(5, status="removed")
        world.describe(60)
        until(lambda: known(states, "v60") == [True])
        vocabulary = states.vocabulary("video_profile.status")
        assert vocabulary is not None
        column = states.gather(states.rows(["v5"])).field("video_profile.status")
        assert column is not None
        assert vocabulary.word(int(column[0])) == "removed"
        assert states.age(time()) < PATIENCE_S


def test_a_cold_start_without_redis_answers_with_what_lies_there(world: Any, folder: Path) -> None:
    writer(world, ItemStates(FEATURES, SERVICE, folder)).follow()

    async def start() -> ItemStates:
        states = ItemStates(FEATURES, SERVICE, folder)
        feed = StateFeed(connect("redis://127.0.0.1:1/0", 0.1), LAYOUTS, states)
        await feed.start()
        await feed.stop()
        return states

    states = asyncio.run(start())
    assert known(states, "v3", "v59", "nobody") == [True, True, False]
    assert states.age(states.fresh + 100) == 100, "and it says how old it is"


def test_a_new_writer_forgets_what_vanished_while_nobody_looked(world: Any, folder: Path) -> None:
    writer(world, ItemStates(FEATURES, SERVICE, folder)).follow()
    redis = connect(world.settings.redis_url)
    redis.delete(LAYOUTS["video_profile"].redis_key(("v3",)))  # announced to nobody
    states = ItemStates(FEATURES, SERVICE, folder)
    writer(world, states).follow()
    assert known(states, "v3", "v4") == [False, True]
    assert len(states) == 59


def test_a_deleted_item_is_unknown(world: Any, folder: Path) -> None:
    states = ItemStates(FEATURES, SERVICE, folder)
    follower = writer(world, states)
    follower.follow()
    redis = connect(world.settings.redis_url)
    redis_records.delete_entity(redis, LAYOUTS, {SERVICE.item: "v3"})
    follower.follow()
    block = states.gather(states.rows(["v3"]))
    assert block.known.tolist() == [False]
    assert block.counters("video")[0].sum() == 0
    assert len(states) == 59


def test_a_successor_goes_on_where_the_writer_stopped(world: Any, folder: Path) -> None:
    writer(world, ItemStates(FEATURES, SERVICE, folder)).follow()
    redis = connect(world.settings.redis_url)
    redis.delete(LAYOUTS["video_profile"].redis_key(("v3",)))  # announced to nobody: only reading everything shows it
    world.describe(60)
    states = ItemStates(FEATURES, SERVICE, folder)
    successor = StateWriter(redis, LAYOUTS, states)
    successor.begin(resume=True)
    successor.follow()
    assert known(states, "v3", "v60") == [True, True]


def test_a_redis_that_lost_its_memory_takes_nothing_away(world: Any, folder: Path) -> None:
    """Its states count as old until it has them again."""
    states = ItemStates(FEATURES, SERVICE, folder)
    follower = writer(world, states, look_again_s=0.0)
    follower.follow()
    before = states.fresh
    connect(world.settings.redis_url).flushall()
    world.describe(60)
    follower.follow()
    assert known(states, "v3", "v60") == [True, True], "what it still has is taken, what it lost stays"
    assert states.fresh == before
    world.fill()
    follower.follow()
    assert states.fresh > before
    assert len(states) == 61


def test_a_successor_doubts_what_the_writer_doubted(world: Any, folder: Path) -> None:
    states = ItemStates(FEATURES, SERVICE, folder)
    follower = writer(world, states)
    follower.follow()
    before = states.fresh
    redis = connect(world.settings.redis_url)
    redis.flushall()
    follower.follow()
    successor = StateWriter(redis, LAYOUTS, states)
    successor.begin(resume=True)
    successor.follow()
    assert (len(states), states.fresh) == (60, before)


def test_a_redis_that_stands_by_its_loss_is_believed(world: Any, folder: Path) -> None:
    states = ItemStates(FEATURES, SERVICE, folder)
    follower = writer(world, states, believe_s=0.0)
    follower.follow()
    before = states.fresh
    connect(world.settings.redis_url).flushall()
    follower.follow()
    assert len(states) == 0
    assert states.fresh > before


def test_a_full_table_leaves_new_items_unknown(world: Any, folder: Path) -> None:
    states = ItemStates(FEATURES, SERVICE, folder, capacity=41)
    writer(world, states).follow()
    assert len(states) == 40
    assert sum(known(states, *world.videos)) == 40
    row = states.rows(world.videos)
    assert states.gather(row).counters("video")[0].shape == (60, len(LAYOUTS["video"].floats))


def test_a_full_disk_costs_new_items_until_there_is_room_again(
    world: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing to a mapped page without a place on the disk would end the process."""
    writer(world, ItemStates(FEATURES, SERVICE, folder)).follow()
    states = ItemStates(FEATURES, SERVICE, folder)
    with monkeypatch.context() as disk:
        disk.setattr(shared_arrays.os, "posix_fallocate", full)
        follower = writer(world, states, look_again_s=0.0)
        follower.follow()
        before = states.fresh
        world.describe(60)
        follower.follow()
        assert known(states, "v3", "v60") == [True, False]
        assert states.fresh == before, "not all of it is here"
    follower.follow()
    assert known(states, "v3", "v60") == [True, True]
    assert states.fresh > before


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_another_layout_begins_anew_and_the_old_files_go(world: Any, folder: Path) -> None:
    async def started(features: Any) -> ItemStates:
        states = ItemStates(features, SERVICE, folder)
        feed = StateFeed(connect(world.settings.redis_url), layouts(features), states)
        await feed.start()
        await feed.stop()
        return states

    old = asyncio.run(started(FEATURES))
    assert len(old) == 60
    fewer = replace(FEATURES.counter_view("video"), counts={"shown": ("1h",), "long_view": ("1h", "1d", "30d")})
    views = tuple(fewer if view.name == "video" else view for view in FEATURES.counter_views)
    read = {name for view in views for name in (f"{view.name}.{c}" for c in view.counters)}
    features = replace(
        FEATURES,
        counter_views=views,
        features=tuple(f for f in FEATURES.features if all(n in read for n in f.reads() if n.startswith("video."))),
    )
    new = asyncio.run(started(features))
    assert new.arrays.folder != old.arrays.folder
    assert [path for path in folder.iterdir() if path.is_dir()] == [new.arrays.folder]
    assert known(new, "v3") == [True], "read from Redis: the profiles did not change"
    assert known(old, "v3") == [True], "who maps the old files still can"


def test_a_folder_that_cannot_be_written_keeps_states_to_the_process(world: Any, tmp_path: Path) -> None:
    settings = world.settings.model_copy(update={"home": tmp_path})
    settings.serving.parent.mkdir(parents=True)
    settings.serving.write_text("")
    parts = online(SERVED, settings, "home_feed")
    assert parts.states.arrays.folder is None


@pytest.mark.parametrize("machine", ["aarch64", "arm64", "riscv64", ""])
def test_a_processor_that_reorders_stores_keeps_states_to_the_process(
    world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, machine: str
) -> None:
    monkeypatch.setattr(shared_arrays.platform, "machine", lambda: machine)
    with pytest.raises(Unavailable, match=f"keeps the order of stores .*, this one is {machine}"):
        SharedArrays(tmp_path / "refused")
    parts = online(SERVED, world.settings.model_copy(update={"home": tmp_path}), "home_feed")
    assert parts.states.arrays.folder is None
    assert "this process keeps its own" in caplog.text
    assert not list(tmp_path.rglob("*.rows"))


@pytest.mark.parametrize("machine", ["x86_64", "AMD64"])
def test_a_processor_that_keeps_the_order_of_stores_shares_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str
) -> None:
    monkeypatch.setattr(shared_arrays.platform, "machine", lambda: machine)
    assert SharedArrays(tmp_path).folder == tmp_path
