"""Landing events: acknowledged is on disk, a full disk takes nothing, and repeats are ingestion's to count."""

import asyncio
import json
import os
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.clock import Clock
from infra.lake import Lake
from serving.definition import LandingValues
from serving.feedback import event_log
from serving.feedback.attribution import action_id
from serving.feedback.event_log import Event, EventLog
from validation.batches.intake import delivered_from_jsonl, ingest
from validation.systems.home_feed import ENGAGEMENTS

NOW = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)


def like(video: str) -> Event:
    """A like of one video, from one answer."""
    event_id = action_id("1f" * 16, video, "like")
    row = {"event_id": event_id, "request_id": "1f" * 16, "user_id": "u1", "video_id": video, "action": "like",
           "event_time": NOW.isoformat(), "received_at": NOW.isoformat()}  # fmt: skip
    return Event(event_id, json.dumps(row).encode())


def running(folder: Path, do: Callable[[EventLog], Awaitable[None]], **values: Any) -> None:
    """Do something with an event log that runs."""

    async def run() -> None:
        log = EventLog(folder, Clock(NOW), LandingValues(**values))
        await log.start()
        await do(log)
        await log.stop()

    asyncio.run(run())


def lines(folder: Path) -> list[bytes]:
    return [line for file in sorted(folder.glob("*")) for line in file.read_bytes().splitlines()]


def test_an_action_counts_once_across_workers_and_restarts(tmp_path: Path) -> None:
    """Each worker's file has it once; the ledger says what the second file repeated."""
    landing, lake = tmp_path / "engagements", Lake(tmp_path / "lake")

    async def sent(worker: EventLog) -> None:
        await asyncio.gather(*(worker.land([like("v1"), like("v2"), like("v1")]) for _ in range(20)))

    for _ in range(2):
        running(landing, sent)
    ledger = [
        ingest(lake, ENGAGEMENTS, delivered_from_jsonl(ENGAGEMENTS, path.read_bytes() + b"\n" * n), NOW, path.name)
        for n, path in enumerate(sorted(landing.glob("*.jsonl")))
    ]
    assert [(line.received, line.accepted, line.duplicate) for line in ledger] == [(2, 2, 0), (2, 0, 2)]


def test_a_repeat_is_left_out_of_the_next_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are handed over shortly after one another may be taken as one delivery. Only so much is remembered."""
    monkeypatch.setattr(event_log, "REMEMBERED", 2)

    async def sent(worker: EventLog) -> None:
        for video in ("v1", "v1", "v2", "v1", "v3", "v1"):
            await worker.land([like(video)])

    running(tmp_path, sent, rows=1)
    assert sorted(lines(tmp_path)) == sorted(like(video).line for video in ("v1", "v2", "v3", "v1"))


def test_a_repeat_is_acknowledged_only_once_its_first_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, sync = threading.Event(), os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: goes_on.wait() and sync(file))

    async def sent(worker: EventLog) -> None:
        first, repeat = (asyncio.create_task(worker.land([like("v1")])) for _ in range(2))
        await asyncio.sleep(0.05)
        assert not first.done()
        assert not repeat.done()
        goes_on.set()
        await asyncio.gather(first, repeat)

    running(tmp_path, sent)


def test_a_full_disk_takes_nothing_and_is_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    async def sent(worker: EventLog) -> None:
        await worker.land([like("v1")])
        with monkeypatch.context() as fault:
            fault.setattr(os, "fsync", full)
            with pytest.raises(OSError, match="No space left"):
                await worker.land([like("v2")])
        assert len(lines(tmp_path)) == 1
        await worker.land([like("v2")])

    running(tmp_path, sent)
    assert len(lines(tmp_path)) == 2, "what was refused is no repeat when it is sent again"


def test_a_disk_that_hangs_is_said_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, sync = threading.Event(), os.fsync

    async def sent(worker: EventLog) -> None:
        with monkeypatch.context() as fault:
            fault.setattr(os, "fsync", lambda file: goes_on.wait() and sync(file))
            with pytest.raises(TimeoutError):
                await worker.land([like("v1")])
            goes_on.set()
        monkeypatch.setattr(worker, "_event_s", 10.0)
        await worker.land([like("v1")])

    running(tmp_path, sent, event_s=0.05)
    assert lines(tmp_path) == [like("v1").line]
