"""A small simulated platform in a home that is thrown away, brought by the command line from files to a release."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from infra.redis_server import running as redis_running
from infra.signing import PUBLIC
from orchestration.sources.simulator import Scale, World, deliver

ROOT = Path(__file__).parents[2]
SCALE = Scale(users=1_000, videos=4_000, days=7, impressions=140_000, creators=250, categories=12, regions=4, seed=7)
SYSTEM = "home_feed"
FLYWHEEL = (sys.executable, "-m", "orchestration")  # the `flywheel` command of this checkout
FIXED = {  # what a machine or a process would else choose by itself
    "FLYWHEEL_PSEUDONYMS": "false", "FLYWHEEL_SERVICE_WORKERS": "1",
    "FLYWHEEL_SPARK_MASTER": "local[2]", "FLYWHEEL_SPARK_MEMORY": "512m",
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "TZ": "UTC",
}  # fmt: skip
ROLES = ("rank", "events", "operate")


class FailedError(Exception):
    """A step of the chain failed; the text says which and how its log ends."""


@dataclass(frozen=True)
class Installation:
    """A home, and the moment at which everything in it happens."""

    home: Path
    moment: datetime = SCALE.end

    @property
    def part(self) -> Path:
        """The system's part of the home."""
        return self.home / "systems" / SYSTEM

    @property
    def redis_url(self) -> str:
        """A socket in a short path, for the kernel takes no long one."""
        return f"unix://{self.home}/redis.sock"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every process of this installation; settings of whoever runs the check have no say."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FLYWHEEL_")}
        own = {
            "FLYWHEEL_HOME": str(self.home), "FLYWHEEL_REDIS_URL": self.redis_url,
            "FLYWHEEL_REPLAY_FROM": self.moment.isoformat(),
        }  # fmt: skip
        return kept | FIXED | own

    def run(self, *command: str, env: Mapping[str, str] | None = None) -> str:
        """Run a command from the checkout's root; returns what it printed."""
        done = subprocess.run(
            command, check=False, cwd=ROOT, env=self.environment | dict(env or {}), capture_output=True, text=True
        )
        if done.returncode:
            said = f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
            raise FailedError(f"`{' '.join(command[1:])}` ended with {done.returncode}:\n{said}")
        return done.stdout

    def flywheel(self, *words: str) -> str:
        """Run a `flywheel` command."""
        return self.run(*FLYWHEEL, *words)

    @contextmanager
    def redis(self) -> Iterator[None]:
        """The installation's Redis while the block runs; what it holds is kept in the home."""
        with redis_running(self.redis_url, self.home / "redis"):
            yield

    def ask(self, asked: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """The service's answers to some requests, by the requests' names; Redis has to run."""
        tokens = {role: self.flywheel("token", "--role", role).strip() for role in ROLES}
        source, target = self.home / "asked.json", self.home / "answered.json"
        source.write_text(json.dumps(list(asked.values())))
        env = {"SAME_FEED_TOKENS": json.dumps(tokens)}
        self.run(sys.executable, "-m", "tests.same_feed.service", str(source), str(target), env=env)
        return dict(zip(asked, json.loads(target.read_text()), strict=True))

    def copied(self, home: Path) -> "Installation":
        """The same installation in another home, as far as serving and streaming need it."""
        shutil.rmtree(home, ignore_errors=True)
        for name in ("lake", "releases"):
            shutil.copytree(self.part / name, Installation(home, self.moment).part / name, symlinks=True)
        (home / "redis").mkdir(mode=0o700)
        shutil.copy(self.home / "redis" / "dump.rdb", home / "redis")
        shutil.copy(self.home / PUBLIC, home)  # a service takes only releases that it can check
        return Installation(home, self.moment)


def released(home: Path) -> Installation:
    """An installation that took in a week of events, made features of them, trained, judged and released."""
    made, events = Installation(home / "home"), home / "events"
    deliver(World.make(SCALE).history(), SCALE, events)
    made.flywheel("ingest", str(events))
    first, last = SCALE.start.date(), (SCALE.end - timedelta(days=1)).date()
    made.flywheel("run", "daily", "--day", str(first), "--until", str(last))
    return made


def later(made: Installation, seconds: float) -> Installation:
    """The same home, so much later."""
    return Installation(made.home, made.moment.astimezone(UTC) + timedelta(seconds=seconds))
