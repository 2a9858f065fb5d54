"""An acknowledged event is kept, whatever is killed and however hard: the real service, two workers, under load."""

import json
import os
import signal
import socket
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.access.keyring import bearer
from serving.launch import Running, start, stop
from tests.waiting import until

PAUSE = threading.Event()


class Senders:
    """Callers that send one event after the other, and note each that was acknowledged."""

    def __init__(self, world: Any, address: str, callers: int = 6) -> None:
        self._event = {"user_id": "u1", "video_id": "v3", "action": "click",
                       "event_time": (world.settings.replay_from + timedelta(seconds=1)).isoformat()}  # fmt: skip
        self._headers, self._address = bearer(world.settings, "ingest"), address
        self.acknowledged: set[str] = set()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(callers)]
        for thread in self._threads:
            thread.start()

    def _send(self, caller: int) -> None:
        n = 0
        while not self._ended.is_set():
            event_id, n = f"{self._address[-5:]}-{caller}-{n}", n + 1
            try:  # each on a connection of its own, so that both workers are asked
                answer = httpx.post(
                    f"{self._address}/v1/events", json={"events": [{**self._event, "event_id": event_id}]},
                    headers=self._headers, timeout=5,
                )  # fmt: skip
            except httpx.TransportError:
                continue
            if answer.status_code == 202:
                self.acknowledged.add(event_id)

    def come_to(self, acknowledged: int) -> None:
        """Wait until so many were acknowledged."""
        until(lambda: len(self.acknowledged) >= acknowledged)

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


def on_disk(folder: Path) -> set[str]:
    """The events on disk; a line that is not whole counts for nothing."""
    ids = set()
    for file in folder.glob("*.jsonl*"):
        for line in file.read_bytes().split(b"\n")[:-1]:
            ids.add(json.loads(line)["event_id"])
    return ids


def left_open(folder: Path, pid: int) -> list[Path]:
    return list(folder.glob(f"*-{pid}-*.open"))


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def nobody_listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture(scope="module")
def running(lasting_world: Any) -> Any:
    services: list[Running] = [start(lasting_world.settings)]
    yield services
    for service in services:
        stop(service)


def test_no_acknowledged_event_is_lost_to_a_kill(running: list[Running], lasting_world: Any) -> None:
    folder = lasting_world.settings.landing / "engagements"
    senders = Senders(lasting_world, running[0].address)
    try:
        senders.come_to(50)
        workers = children(running[0].process.pid)
        (killed,) = [pid for pid in workers if left_open(folder, pid)][:1]
        os.kill(killed, signal.SIGKILL)
        before = len(senders.acknowledged)
        senders.come_to(before + 50)
        until(lambda: not left_open(folder, killed))  # by the sibling, or by the one that took its place
        for pid in (running[0].process.pid, *children(running[0].process.pid)):
            os.kill(pid, signal.SIGKILL)
    finally:
        senders.stop()
    assert senders.acknowledged <= on_disk(folder)
    assert list(folder.glob("*.open")), "the service had no chance to hand its files over"
    until(lambda: nobody_listens(lasting_world.settings.service_port))
    running.append(start(lasting_world.settings))
    until(lambda: not list(folder.glob("*.open")))
    assert senders.acknowledged <= on_disk(folder)


def test_workers_end_with_the_process_that_started_them(running: list[Running], lasting_world: Any) -> None:
    """Else they would hold the port, and nobody would restart them or could start the service again."""
    until(lambda: running[-1].log.read_text().rpartition("Starting")[2].count("initialized") == 2)  # both run
    workers = children(running[-1].process.pid)
    os.kill(running[-1].process.pid, signal.SIGKILL)
    running[-1].process.wait()
    until(lambda: not any(alive(worker) for worker in workers))
    assert not list((lasting_world.settings.landing / "engagements").glob("*.open"))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
