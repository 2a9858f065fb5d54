"""The test stand: a home to be thrown away, a real Redis with a catalogue in it, a release, the real service."""

import math
import socket
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import msgspec.structs
import numpy as np
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from feature_repo.records import connect
from infra import redis_server
from infra.patience import Process, Waiting, wait_until_ready
from infra.settings import Settings
from serving import launch as process
from serving.access.keyring import bearer
from serving.systems.home_feed import HOME_FEED as POLICY
from tests.bench import costs, filled, measured_release, placed
from tests.bench.catalogue import DEVICES, NOW, Catalogue, Scale
from tests.bench.judges import LIMIT
from tests.bench.open_loop import Plan, Seconds

JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds since something began."""

    service: float
    redis: float


@dataclass
class Stand:
    """A running service on a filled store. `facts` are what there is to know of its model and its data.

    ready_s, loaded_s  seconds from its start to when it answered, and to when it had the state of every video
    ready_cpu_s        CPU seconds of all of its processes until it answered
    worker_s           seconds from the making of its worker, whom its first process starts, to when it answered
    """

    settings: Settings
    catalogue: Catalogue
    redis: Redis
    facts: dict[str, Any]
    running: process.Running
    ready_s: float
    ready_cpu_s: float
    worker_s: float
    loaded_s: float = math.nan
    _drawn: int = field(default=0)

    def plan(self, at: Seconds, route: str = "feed", items: int = 0) -> Plan:
        """A load on one route: every request is of another user, a `rank` is given so many videos."""
        headers = {**JSON, **bearer(self.settings, "rank")}
        self._drawn += 1
        asked = tuple(bodies(self.catalogue, len(at), self._drawn, items))
        return Plan(self.settings.service_host, self.settings.service_port, f"/v1/{route}", at, asked, headers)

    def spent(self) -> Spent:
        """CPU seconds of the service's processes, and of Redis, up to now."""
        used = self.redis.info("cpu")
        return Spent(costs.cpu_s(self.running.process.pid), used["used_cpu_user"] + used["used_cpu_sys"])

    def metrics(self) -> Mapping[str, float]:
        """The service's counters by name and labels, as they are written."""
        asked = urllib.request.Request(f"{self.running.address}/metrics", headers=bearer(self.settings, "operate"))
        with urllib.request.urlopen(asked, timeout=60) as answer:
            page = answer.read().decode()
        return {
            _named(s.name, s.labels): s.value for family in text_string_to_metric_families(page) for s in family.samples
        }

    def only_lowest_rung(self) -> None:
        """Promote the same release with a policy that answers everything from the lowest rung."""
        limits = msgspec.structs.replace(POLICY.release.limits, lowest_share=1.0)
        registry = self.settings.releases
        lowest = msgspec.structs.replace(POLICY.release, limits=limits)
        measured_release.with_policy(registry, "2", msgspec.structs.replace(POLICY, release=lowest))
        wait_until_ready(
            self._waiting("release 2"), lambda: self.metrics().get('flywheel_release_live{release="2"}') == 1
        )

    def wait_for_states(self) -> None:
        """Return once the state of every video is in memory."""
        videos = self.catalogue.scale.videos

        def resident() -> bool:
            return self.metrics().get("flywheel_items_resident", 0) >= videos

        wait_until_ready(self._waiting("the states of all videos"), resident, self.running.process.poll)

    def _waiting(self, what: str) -> Waiting:
        return Waiting(what, Process(self.running.process.pid, self.running.log))


@contextmanager
def standing(scale: Scale, home: Path, say: Any = print) -> Iterator[Stand]:
    """A stand whose service runs with one worker and is ready; everything ends with the block."""
    settings = Settings(
        home=home, redis_url=f"redis://127.0.0.1:{free_port()}/0", service_port=free_port(), replay_from=NOW,
        service_workers=1,
    )  # fmt: skip
    with redis_server.running(settings.redis_url, home / "redis"):
        redis = connect(settings.redis_url)
        catalogue = Catalogue(scale)
        say(f"filling Redis: {scale.videos:,} videos, {scale.users:,} users …")
        stored = filled.fill(redis, catalogue)
        say("training the release …")
        facts = measured_release.build(settings.releases, catalogue)
        placed.publish(redis, settings.releases / "1", catalogue)
        say("starting the service …")
        before = time.monotonic()
        with process.started(settings) as running:
            ready_s, cpu_s = time.monotonic() - before, costs.cpu_s(running.process.pid)
            worker_s = costs.age_s(costs.family(running.process.pid)[1])
            stand = Stand(settings, catalogue, redis, facts | stored, running, ready_s, cpu_s, worker_s)
            try:
                stand.wait_for_states()
                stand.loaded_s = time.monotonic() - before
                yield stand
            except Exception as failed:
                failed.add_note(f"the service's log ends:\n{running.log.read_text(errors='replace')[-1500:]}")
                raise


def bodies(catalogue: Catalogue, count: int, seed: int, items: int = 0) -> Iterator[bytes]:
    """Requests for a feed, or to rank so many videos: of users drawn without repetition as long as there are others."""
    draw = np.random.default_rng([catalogue.scale.seed, seed])
    users = catalogue.names["user_id"]
    live = catalogue.names["video_id"][catalogue.live & (catalogue.only_in < 0)]
    for i, place in enumerate(np.resize(draw.permutation(len(users)), count)):
        asked: dict[str, Any] = {"user_id": users[place], "context": {"device": DEVICES[i % len(DEVICES)]}}
        if items:
            asked["video_ids"] = live[draw.choice(len(live), items, replace=False)].tolist()
        else:
            asked["limit"] = LIMIT
        yield msgspec.json.encode(asked)


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _named(name: str, labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return f"{name}{{{inside}}}" if inside else name
