"""The stream as people run it: a process that may be killed at any moment, and ends where the nightly fold does."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from feature_repo.counters import decay
from feature_repo.folding import published_states
from feature_repo.records import connect, redis_records
from feature_repo.records.layout import layouts
from feature_repo.stream.stream_state import FILE, stream_folder
from infra.lake import Lake
from infra.settings import Settings
from orchestration.commands import streaming
from orchestration.sources.landing import deliveries, take_in
from orchestration.sources.simulator import Scale, World, deliver
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from tests.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).parents[3]
SCALE = Scale(users=60, videos=200, days=2, impressions=2_000, creators=20, categories=5, regions=2, seed=4)
NOW = SCALE.end + timedelta(days=3)


@contextmanager
def process(settings: Settings, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`flywheel stream` with these words, in a process group of its own that does not outlive the block."""
    own = {"FLYWHEEL_HOME": str(settings.home), "FLYWHEEL_REDIS_URL": settings.redis_url}
    own |= {"FLYWHEEL_REPLAY_FROM": NOW.isoformat(), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "orchestration", "stream", *words]
    started = subprocess.Popen(command, env={**os.environ, **own}, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        yield started
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
        started.wait(PATIENCE_S)


def landed(folder: Path, landing: Path) -> list[Path]:
    """The delivered files cut into small ones, each ready to be put into the landing: day by day, each day shuffled.

    A row that comes twice is so taken when it was received first. Which of a user's events count where a view is capped
    is decided by when each was known.
    """
    pieces = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        lines = content.splitlines(keepends=True)
        cut = [b"".join(lines[i::5]) for i in range(5)] if path.suffix == ".jsonl" else [content]
        for number, some in enumerate(cut):
            piece = landing / path.parent.name / f"{path.stem}-{number}{path.suffix}"
            piece.parent.mkdir(parents=True, exist_ok=True)
            Path(f"{piece}.open").write_bytes(some)
            pieces.append(piece)
    random.Random(1).shuffle(pieces)
    return sorted(pieces, key=lambda piece: piece.name[: len("2026-05-03")])


def taken(settings: Settings) -> int:
    """How many files the stream has taken."""
    path = stream_folder(settings, HOME_FEED.features.name) / FILE
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as sql:
        try:
            return int(sql.execute("SELECT count(*) FROM file").fetchone()[0])
        except sqlite3.OperationalError:  # the table is not there yet
            return 0


def hand_over(pieces: list[Path]) -> None:
    """Rename files as the service does."""
    for piece in pieces:
        Path(f"{piece}.open").rename(piece)


def killed_at_random(settings: Settings, pieces: list[Path], seed: int) -> None:
    """Hand files over while a stream runs, and kill it at some moment after it took the first."""
    chance = random.Random(seed)
    with process(settings, "--every", "0.2") as started:
        hand_over(pieces[:1])
        left = pieces[1:]
        until(lambda: taken(settings) or started.poll() is not None)
        assert taken(settings), "the stream did not begin"
        ends = time.monotonic() + chance.uniform(0, 5)
        while left and time.monotonic() < ends:
            hand_over(left[:1])
            left = left[1:]
            time.sleep(0.05)
        os.killpg(started.pid, signal.SIGKILL)
    hand_over(left)


def assert_online_is_what_the_fold_says(settings: Settings, lake: Lake) -> None:
    """Every entity's record in Redis is its newest published row, both as they stand now.

    A row that came twice is known, and published, when the copy was received that was taken first: here or there.
    """
    redis, compared, now = connect(settings.redis_url), 0, np.array([NOW.timestamp()])
    for view in HOME_FEED.features.counter_views:
        rows = lake.read(f"states/{view.name}").to_pandas().sort_values("published_at", kind="stable")
        rows = rows.drop_duplicates(list(view.keys), keep="last").sort_values(list(view.keys))
        online = redis_records.read_all_records(redis, layouts(HOME_FEED.features)[view.name])
        order = sorted(range(len(online.keys)), key=lambda row: online.keys[row])
        assert [online.keys[row] for row in order] == list(rows[list(view.keys)].itertuples(index=False, name=None))
        at, half_lives = rows["published_at"].astype("int64").to_numpy() / 1e6, np.array(view.half_lives)
        there = decay(rows[list(view.counters)].to_numpy(), at, now, half_lives)
        here = decay(online.values[order], online.at[order], now, half_lives)
        np.testing.assert_allclose(here, there, rtol=2e-6, atol=1e-30, err_msg=view.name)
        compared += len(rows)
    assert compared > 500


@pytest.mark.parametrize("seed", [1])
def test_killed_at_any_moment_and_started_again_it_ends_where_the_nightly_fold_does(
    seed: int, settings: Settings, spark: "SparkSession", tmp_path: Path
) -> None:
    handed = deliver(World.make(SCALE).history(), SCALE, tmp_path / "delivered")
    assert sum(facts.duplicate + facts.broken for facts in handed.values()), "some rows come twice, some are broken"
    killed_at_random(settings, landed(tmp_path / "delivered", settings.landing), seed)
    at = Installation(HOME_FEED, settings.model_copy(update={"replay_from": NOW}))
    messages: list[str] = []
    streaming.catch_up(at, messages.append)
    assert "repeated" in messages[-1]
    take_in(at.lake, deliveries(tmp_path / "delivered", HOME_FEED.tables), NOW, history=True)  # as the stream does
    published_states.publish_states(spark, at.lake, HOME_FEED.features, at.tables, SCALE.start.date(), NOW.date())
    assert_online_is_what_the_fold_says(settings, at.lake)
