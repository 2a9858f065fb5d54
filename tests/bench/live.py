"""A live installation: real Redis, real service, real stream, on events of today, and callers of all of them."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from feature_repo.recipe import recipe_of
from feature_repo.stream.stream_state import stream_folder
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from infra import processes, redis_server
from infra.patience import Process, Waiting, wait_until_ready
from infra.settings import Settings
from serving import launch
from serving.access.keyring import bearer
from serving.access.roles import Role
from serving.policy_json import to_json
from serving.systems.home_feed import HOME_FEED as POLICY
from tests.bench import costs, measured_release
from tests.bench.stand import free_port

ROOT = Path(__file__).parents[2]
WATCHED = "user_category_long_view_rate_1h"  # what the release ranks by: it changes with one long watch
CATEGORIES = 12
serial = count(1)


@dataclass
class Live:
    """Settings of a running installation, and its stream's process."""

    settings: Settings
    stream: "subprocess.Popen[bytes]"
    service: launch.Running

    def ask(self, route: str, body: Mapping[str, Any], role: Role) -> dict[str, Any]:
        """The service's answer; raises OSError for any but a 2xx."""
        headers = {"content-type": "application/json", **bearer(self.settings, role)}
        line = http.client.HTTPConnection(self.settings.service_host, self.settings.service_port, timeout=10)
        try:
            line.request("POST", f"/v1/{route}", json.dumps(body), headers)
            answer = line.getresponse()
            body_read = answer.read()
        finally:
            line.close()
        if answer.status >= 300:
            raise OSError(f"/v1/{route} answered {answer.status}: {body_read[:200]!r}")
        answered: dict[str, Any] = json.loads(body_read)
        return answered

    def land(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Hand a file over as services do: written aside, then renamed."""
        name = f"{table}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{next(serial)}.jsonl"
        path = self.settings.landing / table / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{name}.open")
        draft.write_text("".join(json.dumps(row) + "\n" for row in rows))
        draft.rename(path)

    def lag_s(self) -> float | None:
        """How far behind the stream says it is."""
        status = stream_folder(self.settings, FEATURES.name) / "status.json"
        lag: float | None = json.loads(status.read_text())["lag_s"] if status.exists() else None
        return lag

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds so far, by part."""
        return {"stream": costs.cpu_s(self.stream.pid), "service": costs.cpu_s(self.service.process.pid)}


def environment(settings: Settings) -> dict[str, str]:
    """What `flywheel` reads to find this installation."""
    variables = {"FLYWHEEL_HOME": str(settings.home), "FLYWHEEL_REDIS_URL": settings.redis_url, "PYTHONPATH": str(ROOT)}
    return {**os.environ, **variables, "FLYWHEEL_HAND_OVER_S": str(settings.hand_over_s)}


@contextmanager
def flywheel(settings: Settings, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A `flywheel` command as a process that does not outlive the block; its words are in the home's `logs`."""
    logs = settings.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / f"{words[0]}.log").open("ab") as log:
        command = [sys.executable, "-m", "orchestration", *words]
        started = subprocess.Popen(
            command, env=environment(settings), stdout=log, stderr=log, start_new_session=True, cwd=ROOT
        )
    try:
        yield started
    finally:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if started.poll() is None:
                os.killpg(started.pid, sign)
                try:
                    started.wait(30)
                except subprocess.TimeoutExpired:
                    continue


@contextmanager
def redis_of(home: Path) -> Iterator[Settings]:
    """The settings of an installation of one service worker in this home, with its Redis running."""
    settings = Settings(
        home=home, redis_url=f"redis://127.0.0.1:{free_port()}/0", service_port=free_port(), service_workers=1
    )
    with redis_server.running(settings.redis_url, home / "redis"):
        yield settings


@contextmanager
def live(settings: Settings, *words: str) -> Iterator[Live]:
    """The service, with a release that ranks by one feature, and the stream; both are ready."""
    release(settings.releases)
    with ExitStack() as stack:
        service = launch.start(settings)
        stack.callback(launch.stop, service)
        stack.enter_context(processes.killed_with_this_process(service.process))
        stream = stack.enter_context(flywheel(settings, "stream", *words))
        started = Live(settings, stream, service)
        work = Process(stream.pid, settings.log("stream"))
        wait_until_ready(Waiting("the stream", work), lambda: started.lag_s() is not None, stream.poll)
        yield started


def release(registry: Path) -> None:
    """Promote a release that ranks by `WATCHED` alone."""
    folder = registry / "1"
    folder.mkdir(parents=True)
    place = [feature.name for feature in FEATURES.features].index(WATCHED)
    rows = np.random.default_rng(7).normal(size=(50, len(FEATURES.features))).astype(np.float32)
    (folder / "model.json").write_text(json.dumps({"kind": "column", "index": place, "sign": 1.0, "missing": -1.0}))
    np.savez(folder / "golden.npz", inputs=rows, scores=rows[:, place])
    (folder / "recipe.json").write_bytes(recipe_of(FEATURES))
    (folder / "popular.json").write_text(json.dumps({"all": [], "by_group": {}, "fresh": [], "items": {}}))
    (folder / "policy.json").write_bytes(to_json(POLICY))
    measured_release.promote(folder, "column", FEATURES)


def videos(names: Sequence[str]) -> list[dict[str, Any]]:
    """Descriptions of videos that are new now and may be shown to everybody."""
    now = datetime.now(UTC).isoformat()
    common = {"duration_s": 30.0, "language": "en", "regions": [], "status": "live", "age_rating": "0"}
    common |= {"uploaded_at": now, "event_time": now, "received_at": now}
    return [
        {"video_id": v, "creator_id": f"by-{v}", "category": f"topic {i % CATEGORIES}", **common}
        for i, v in enumerate(names)
    ]


def users(names: Sequence[str]) -> list[dict[str, Any]]:
    """Descriptions of users who have just come."""
    now = datetime.now(UTC).isoformat()
    common = {"region": "north", "language": "en", "device": "phone", "age_group": "18", "status": "active"}
    return [{"user_id": u, "signup_at": now, "event_time": now, "received_at": now, **common} for u in names]
