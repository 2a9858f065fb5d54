"""An installation that faults are done to: a made-up platform in a real Redis behind a proxy, releases, the service."""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
from types import TracebackType
from typing import Self

import numpy as np
from redis import Redis

from infra import redis_server
from infra.manifest import digest_of
from infra.processes import end, killed_with_this_process
from infra.release_format import MANIFEST
from infra.settings import Settings
from serving.access.keyring import bearer
from serving.launch import Running, start, stop
from tests.bench import measured_release
from tests.bench.catalogue import NOW, REGIONS, Catalogue, Scale
from tests.bench.filled import fill
from tests.bench.open_loop import CHECKOUT, Plan, Seconds
from tests.bench.stand import free_port
from tests.chaos.proxy import FaultProxy
from tests.signed import point

SMALL = Scale(videos=10_000, users=1_000, rows=20_000, trees=100, depth=6)
HERE = REGIONS[0]
SYSTEM = "home_feed"


@dataclass
class Stage:
    """One installation, entered ready to serve release 1."""

    home: Path
    scale: Scale = SMALL
    catalogue: Catalogue = field(init=False)
    settings: Settings = field(init=False)
    proxy: FaultProxy = field(init=False)
    service: Running | None = None
    _lookers: "subprocess.Popen[str]" = field(init=False)
    _rude: ExitStack = field(default_factory=ExitStack)
    _keeper: ExitStack = field(default_factory=ExitStack)
    _servers: ExitStack = field(default_factory=ExitStack)
    _redis_port: int = field(default_factory=free_port)

    def __enter__(self) -> Self:
        self.catalogue = Catalogue(self.scale)
        self.start_redis()
        self.fill()
        self.proxy = self._servers.enter_context(FaultProxy(self._redis_port, free_port()))
        self.settings = Settings(
            home=self.home, redis_url=f"redis://127.0.0.1:{self.proxy.port}/0", service_port=free_port(),
            replay_from=NOW, hand_over_s=5.0,
        )  # fmt: skip
        measured_release.build(self.registry, self.catalogue)
        self.start_service()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.stop_service()
        self._servers.close()
        self._redis.close()

    @property
    def registry(self) -> Path:
        """The folder that the registry publishes releases in."""
        return self.settings.releases

    @property
    def redis_url(self) -> str:
        """Redis itself, past the proxy."""
        return f"redis://127.0.0.1:{self._redis_port}/0"

    @property
    def workers(self) -> list[int]:
        """The processes that answer."""
        assert self.service is not None
        pid = self.service.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def waited_s(self) -> dict[int, float]:
        """For how many seconds so far each worker's event loop could have run, and the machine ran something else."""
        return {pid: int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9 for pid in self.workers}

    @property
    def ineligible(self) -> frozenset[str]:
        """The videos that may not be shown to those who ask here: removed, or for other regions only."""
        of = self.catalogue
        shown = of.live & ((of.only_in < 0) | (of.only_in == REGIONS.index(HERE)))
        return frozenset(of.names["video_id"][~shown])

    def plan(self, at: Seconds, seed: int) -> Plan:
        """Requests for feeds, of all users in a random order."""
        headers = {"content-type": "application/json", **bearer(self.settings, "rank")}
        port = self.settings.service_port
        return Plan("127.0.0.1", port, "/v1/feed", at, self._bodies(seed), headers, late_ms=50.0)

    def _bodies(self, seed: int) -> tuple[bytes, ...]:
        order = np.random.default_rng(seed).permutation(self.catalogue.names["user_id"])
        return tuple(json.dumps({"user_id": user, "context": {"region": HERE}}).encode() for user in order)

    def start_redis(self, password: str = "") -> None:
        """Start an empty server, which asks for a password where one is given."""
        folder = self.home / f"redis-{free_port()}"
        self._redis = self._servers.enter_context(ExitStack())
        url = self.redis_url.replace("redis://", f"redis://:{password}@") if password else self.redis_url
        self._redis.enter_context(redis_server.running(url, folder))

    def kill_redis(self) -> None:
        """End the server and all it knew."""
        self._redis.close()

    def fill(self) -> None:
        """Put every state into Redis, as materialisation would."""
        with Redis.from_url(self.redis_url) as redis:
            fill(redis, self.catalogue)

    def start_service(self) -> None:
        """Start the service and wait until it is ready."""
        self.service = start(self.settings)
        self._keeper = self._servers.enter_context(ExitStack())
        self._keeper.enter_context(killed_with_this_process(self.service.process))

    def stop_service(self) -> None:
        """Stop it."""
        if self.service is not None:
            stop(self.service)
            self._keeper.close()
            self.service = None

    def forget_releases(self) -> None:
        """Empty the service's own copies, as on a new machine."""
        shutil.rmtree(self.settings.serving, ignore_errors=True)

    def kill_a_worker(self) -> None:
        """End one of the processes that answer, without a word."""
        os.kill(self.workers[0], signal.SIGKILL)

    def let_in(self, kind: str, count: int) -> None:
        """Let so many callers come that behave badly (tests/chaos/rude.py), until they are sent away."""
        rude = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.rude", str(self.settings.service_port), kind, str(count)],
            cwd=CHECKOUT, stdin=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._rude = self._servers.enter_context(ExitStack())
        self._rude.callback(end, rude)
        self._rude.enter_context(killed_with_this_process(rude))
        assert rude.stdin is not None
        rude.stdin.write(f"authorization: {bearer(self.settings, 'rank')['authorization']}\n".encode())
        rude.stdin.close()

    def send_away(self) -> None:
        """End those callers and their connections."""
        self._rude.close()

    def invite(self, count: int) -> None:
        """A console of this installation, and so many who will look at it (tests/chaos/lookers.py)."""
        where = [str(self.home), self.settings.redis_url, str(self.settings.service_port), str(count)]
        self._lookers = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.lookers", *where],
            cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self._rude = self._servers.enter_context(ExitStack())
        self._rude.callback(end, self._lookers)
        self._rude.enter_context(killed_with_this_process(self._lookers))
        assert self._lookers.stdout is not None
        assert self._lookers.stdout.readline() == "ready\n"

    def let_look(self) -> None:
        """Let them look from now on."""
        assert self._lookers.stdin is not None
        print("look", file=self._lookers.stdin, flush=True)

    def lookers_gone(self) -> None:
        """Send them away; each page that they asked for came."""
        self.send_away()
        assert self._lookers.stdout is not None
        statuses = self._lookers.stdout.read().split()
        assert set(statuses) == {"200"}, f"of {len(statuses)} pages of the console some did not come: {set(statuses)}"

    def fill_the_disk(self, full: bool) -> None:
        """Let every write of the workers to a file fail, or no more."""
        for pid in self.workers:
            prlimit(pid, RLIMIT_FSIZE, (0 if full else RLIM_INFINITY, RLIM_INFINITY))

    def release(self, version: str) -> Path:
        """A copy of release 1 under another version, complete and consistent; nothing points to it."""
        folder = self.registry / version
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.registry / "1", folder)
        return folder

    def promote(self, version: str, digest: str | None = None) -> None:
        """Make the registry name a release, by its digest or by another one."""
        point(self.registry, version, digest)

    def challenge(self, version: str, share: int) -> None:
        """Let a release answer for a share of the askers, beside release 1."""
        digest = digest_of((self.registry / version / MANIFEST).read_bytes())
        named = {"version": version, "path": version, "manifest_sha256": digest}
        point(self.registry, "1", challenger={"release": named, "share": share, "salt": "chaos"})
