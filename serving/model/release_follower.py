"""Follows the registry: a release is proven in a child process, swapped in between two answers, and cached on disk."""

import asyncio
import contextlib
import fcntl
import hashlib
import logging
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from math import ceil
from pathlib import Path
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from infra.atomic import atomic_write
from infra.errors import FlywheelError, ReleaseMismatch, Unavailable
from infra.patience import LOOK_S, USUAL, Patience, Process, Waiting
from infra.release_format import MANIFEST, LivePointer, NamedRelease
from infra.settings import Settings
from serving import metrics
from serving.definition import FollowValues
from serving.model import scorer
from serving.model.scorer import Scorer
from serving.model.signed import SignedRegistry
from serving.model.trial_limits import ONE_THREAD
from serving.running import Background, own_metrics_environment

LATER_S = 5  # CPU seconds after which the kernel ends a trial that this process did not end
log = logging.getLogger(__name__)


class Loaded(Protocol):
    """What is asked of a release of any kind."""

    @property
    def version(self) -> str:
        """Its version."""

    @property
    def policy(self) -> Any:
        """Its policy."""

    @property
    def scorer(self) -> Scorer:
        """Its model."""

    @property
    def needs_deployment(self) -> tuple[str, ...]:
        """Names of values that it wants to be others than this checkout sets."""


LoadedRelease = TypeVar("LoadedRelease", bound=Loaded)
OwnPolicy = TypeVar("OwnPolicy")


class ReleaseFollower(Generic[LoadedRelease, OwnPolicy]):
    """`live` is the release that answers, None before the first; `why` it is not the one the registry names.

    load   loads a proven release from its folder
    usual  the checkout's policy, which holds before there is a release
    """

    def __init__(
        self, settings: Settings, system: str, values: FollowValues, load: Callable[[Path], LoadedRelease],
        usual: OwnPolicy,
    ) -> None:  # fmt: skip
        self._registry = settings.of(system).releases
        self._cache = settings.of(system).serving / "releases"
        self._signed = SignedRegistry(settings, system)
        self._values, self._load, self._usual = values, lambda folder: self._signed.loaded(load, folder), usual
        self._refused: dict[str, tuple[float, str]] = {}
        self._patience = Patience.of(settings)
        self._current: str | None = None
        self._following = Background(self._follow, self._values.poll_s)
        self.live: LoadedRelease | None = None
        self.why: str | None = "no release was ever live here"

    @property
    def policy(self) -> OwnPolicy:
        """The policy of the release that answers, the checkout's before there is one."""
        return self.live.policy if self.live else self._usual

    async def start(self) -> None:
        """Load the release that served last, else the one the registry names; follow the registry from then on."""
        await self._resume()
        if self.live is None:
            await self._follow()
        self._following.start()

    async def stop(self) -> None:
        """Follow no longer."""
        await self._following.stop()

    async def _follow(self) -> None:
        try:
            await self._swap(msgspec.json.decode(self._signed.pointer(), type=LivePointer).champion)
        except FileNotFoundError:
            self._missing(f"the registry at {self._registry} names no champion")
        except (FlywheelError, OSError, ValueError) as failed:
            self._missing(str(failed))
        except Exception:
            log.exception("releases: could not follow the registry")

    async def _swap(self, champion: NamedRelease) -> None:
        name = _name(champion)
        if name == self._current:
            self.why = None
            return
        at, reason = self._refused.get(name, (0.0, ""))
        if reason and monotonic() - at < self._values.retry_s:
            self.why = reason
            return
        async with self._alone():
            try:
                if not self._proof(name).exists():  # by this worker or another one, now or before a rollback
                    folder = await asyncio.to_thread(self._fetch, champion, name)
                    trial = _trial(folder, self._values.trial_cpu_s, self._patience)
                    await asyncio.gather(trial, asyncio.to_thread(scorer.prepare))
                    self._proof(name).touch()
                release = await asyncio.to_thread(self._load, self._cache / name)
            except ReleaseMismatch as refused:
                self._refuse(name, champion.version, str(refused))
                return
            except Unavailable as undecided:
                self._missing(f"release {champion.version} is not proven yet: {undecided}")
                self._refused[name] = (monotonic(), self.why or "")
                return
            self._take(release, name)

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """While the block runs no other worker of this machine changes the cache."""
        self._cache.mkdir(parents=True, exist_ok=True)
        with (self._cache / ".lock").open("w") as lock:
            await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
            yield

    def _proof(self, name: str) -> Path:
        """The file whose presence says that a release in the cache passed its trial."""
        return self._cache / f"{name}.proven"

    def _take(self, release: LoadedRelease, name: str) -> None:
        if self.live is not None:
            metrics.RELEASE.labels(self.live.version).set(0)
        self.live, self._current, self.why = release, name, None
        metrics.RELEASE.labels(release.version).set(1)
        metrics.TREES_BY_XGBOOST.set(scorer.is_slow(release.scorer))
        metrics.SWAPS.inc()
        log.warning("releases: release %s answers from now on", release.version)
        _say_what_needs_deployment(release)
        with atomic_write(self._cache / "last.json") as draft:
            draft.write_bytes(msgspec.json.encode({"name": name}))
        self._tidy()

    def _refuse(self, name: str, version: str, reason: str) -> None:
        self.why = f"release {version} was refused: {reason}"
        self._refused[name] = (monotonic(), self.why)
        metrics.REFUSALS.labels(version).inc()
        log.error("releases: %s", self.why)
        self._forget(name)

    def _forget(self, name: str) -> None:
        self._proof(name).unlink(missing_ok=True)
        shutil.rmtree(self._cache / name, ignore_errors=True)

    def _missing(self, reason: str) -> None:
        if self.why != reason:
            log.warning("releases: %s", reason)
        self.why = reason

    async def _resume(self) -> None:
        try:
            name = msgspec.json.decode((self._cache / "last.json").read_bytes())["name"]
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as broken:
            log.error("releases: what served last is not known: %s", broken)
            return
        try:
            self.live = await asyncio.to_thread(self._load, self._cache / name)
        except (FlywheelError, OSError, ValueError, KeyError, TypeError) as refused:
            log.error("releases: what served last cannot be used: %s", refused)
            self._forget(name)  # so that it is fetched anew: an older copy may lack its signature
            return
        self._current, self.why = name, None
        metrics.RELEASE.labels(self.live.version).set(1)
        _say_what_needs_deployment(self.live)

    def _fetch(self, champion: NamedRelease, name: str) -> Path:
        """Copy the release into the cache, so that it outlives the registry."""
        source, target = self._registry / (champion.path or champion.version), self._cache / name
        draft = self._cache / f".{name}.{os.getpid()}"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, draft)
        registered = champion.manifest_sha256
        digest = hashlib.sha256((draft / MANIFEST).read_bytes()).hexdigest()
        if registered and registered != digest:
            shutil.rmtree(draft)
            raise ReleaseMismatch(
                f"{MANIFEST} has digest {digest[:12]}, the registry says {registered[:12]}. Promote it again."
            )
        self._signed.must_be_signed(draft, champion.version)
        draft.rename(target)
        return target

    def _tidy(self) -> None:
        folders = sorted(
            (p for p in self._cache.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime, reverse=True
        )
        for old in [p for p in folders if p.name != self._current][self._values.releases - 1 :]:
            self._forget(old.name)


def _say_what_needs_deployment(release: Loaded) -> None:
    if release.needs_deployment:
        log.warning(
            "releases: release %s sets %s otherwise than this service: these values need a deployment, until then the "
            "service's own hold",
            release.version, ", ".join(release.needs_deployment),
        )  # fmt: skip


async def _trial(folder: Path, most_cpu_s: float, patience: Patience = USUAL) -> None:
    """Prove the release in a process of its own.

    Raises ReleaseMismatch with what that process wrote, and Unavailable when it could not come to a result.
    """
    path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "serving.model.trial", str(folder), str(ceil(most_cpu_s) + LATER_S),
        env={**own_metrics_environment(), **ONE_THREAD, "PYTHONPATH": path},
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        error_output = await _result(child, most_cpu_s, patience)
    finally:
        if child.returncode is None:  # too late, or its result is wanted no more
            child.kill()
    if child.returncode != 0:
        lines = error_output.decode(errors="replace").strip().splitlines()
        raise ReleaseMismatch(lines[-1] if lines else f"its trial ended with status {child.returncode}")


async def _result(child: asyncio.subprocess.Process, most_cpu_s: float, patience: Patience) -> bytes:
    """What a trial wrote to stderr until it ended, however long it had to wait for the CPU."""
    result = asyncio.ensure_future(child.communicate())
    waiting = Waiting("its trial", Process(child.pid), patience, say=log.info)
    try:
        while not (await asyncio.wait([result], timeout=LOOK_S))[0]:
            await asyncio.to_thread(waiting.look)
            if waiting.used_s > most_cpu_s:
                raise ReleaseMismatch(f"its trial took more than {most_cpu_s:.0f} s of CPU time")
        return result.result()[1]
    finally:
        result.cancel()


def _name(champion: NamedRelease) -> str:
    digest = champion.manifest_sha256[:12]
    return "-".join(filter(None, [champion.version.replace(os.sep, "_"), digest]))
