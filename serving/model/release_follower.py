"""Follows the registry: a release is proven in a child process, swapped in between two answers, and cached on disk."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from infra.errors import FlywheelError, ReleaseMismatch
from infra.patience import Patience
from infra.release_format import LIVE, Challenger, NamedRelease, challenger_in, champion_in, previous_in
from infra.settings import Settings
from serving import metrics
from serving.definition import FollowValues
from serving.model import scorer
from serving.model.challenger_follower import ChallengerFollower, OnTrial
from serving.model.release_cache import ReleaseCache, name_of
from serving.model.release_loader import LoadedRelease, ReleaseLoader, say_what_needs_deployment
from serving.model.signed import SignedRegistry
from serving.running import Background

log = logging.getLogger(__name__)
OwnPolicy = TypeVar("OwnPolicy")
Wanted = tuple[Challenger | None, str | None]


class ReleaseFollower(Generic[LoadedRelease, OwnPolicy]):
    """`live` is the release that answers, None before the first; `why` it is not the one the registry names.

    load   loads a proven release from its folder
    usual  the checkout's policy, which holds before there is a release
    """

    def __init__(
        self, settings: Settings, system: str, values: FollowValues, load: Callable[[Path], LoadedRelease],
        usual: OwnPolicy,
    ) -> None:  # fmt: skip
        self._pointer = settings.of(system).releases / LIVE
        self._signed = signed = SignedRegistry(settings, system)
        folder = settings.of(system).serving / "releases"
        cache = ReleaseCache(self._pointer.parent, folder, values.releases, signed.must_be_signed)
        self._loader = ReleaseLoader(cache, values, Patience.of(settings), lambda folder: signed.loaded(load, folder))
        self._usual = usual
        self._current: str | None = None
        self._following = Background(self._follow, values.poll_s)
        self.challenger = ChallengerFollower(self._loader, values.poll_s)
        self.live: LoadedRelease | None = None
        self.why: str | None = "no release was ever live here"

    @property
    def policy(self) -> OwnPolicy:
        """The policy of the release that answers, the checkout's before there is one."""
        return self.live.policy if self.live else self._usual

    @property
    def trial(self) -> OnTrial[LoadedRelease] | None:
        """The release on trial beside it."""
        return self.challenger.trial

    async def start(self) -> None:
        """Load the releases that served last, else the one the registry names; follow the registry from then on."""
        await self._resume()
        if self.live is None:
            await self._follow()
        self._following.start()
        self.challenger.start()

    async def stop(self) -> None:
        """Follow no longer."""
        await self._following.stop()
        await self.challenger.stop()

    async def _follow(self) -> None:
        on_trial: Wanted = None, None
        served, tried, pointer = self.live, self.trial, b""
        try:
            pointer = self._signed.pointer()
            champion = champion_in(pointer, self._pointer)
            if champion is None:
                self._missing(f"the registry at {self._pointer.parent} names no champion")
            elif await self._swap(champion):
                on_trial = self._on_trial(pointer)
        except FileNotFoundError:
            self._missing(f"the registry at {self._pointer.parent} names no champion")
        except (FlywheelError, OSError, ValueError) as failed:
            self._missing(str(failed))
        except Exception:
            log.exception("releases: could not follow the registry")
        self.challenger.want(*on_trial)
        if self.live is not served or (tried is not None and self.trial is None):
            await self._tidy(pointer)

    async def _swap(self, champion: NamedRelease) -> bool:
        """Whether the champion answers now."""
        name, trial = name_of(champion), self.trial
        if name != self._current:
            try:  # what was on trial was proven then
                release = trial.release if trial and trial.name == name else await self._loader.loaded(champion)
            except ReleaseMismatch as refused:
                self.why = str(refused)
                return False
            self._take(release, name)
        self.why = None
        return True

    def _on_trial(self, pointer: bytes) -> Wanted:
        """The challenger that a pointer names; None, with the reason, where that part of it is damaged.

        There is no trial while the pointer cannot be read, or its champion cannot be used: nobody could end it, or
        compare with what it is meant to be compared with.
        """
        try:
            named = challenger_in(pointer, self._pointer)
        except ReleaseMismatch as damaged:
            return None, str(damaged)
        return None if named is None or name_of(named.release) == self._current else named, None

    def _take(self, release: LoadedRelease, name: str) -> None:
        if self.live is not None:
            metrics.RELEASE.labels(self.live.version).set(0)
        self.live, self._current, self.why = release, name, None
        metrics.RELEASE.labels(release.version).set(1)
        metrics.TREES_BY_XGBOOST.set(scorer.is_slow(release.scorer))
        metrics.SWAPS.inc()
        log.warning("releases: release %s answers from now on", release.version)
        say_what_needs_deployment(release)
        self._loader.cache.note_last(name)

    async def _tidy(self, pointer: bytes) -> None:
        """Remove from the disk what is neither in use nor wanted soon: a rollback must not wait for a trial."""
        previous, trial = previous_in(pointer), self.trial
        names = {self._current, name_of(previous) if previous else None, trial.name if trial else None}
        await asyncio.to_thread(self._loader.cache.tidy, {name for name in names if name is not None})

    def _missing(self, reason: str) -> None:
        if self.why != reason:
            log.warning("releases: %s", reason)
        self.why = reason

    async def _resume(self) -> None:
        cache = self._loader.cache
        try:
            name = cache.last()
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as broken:
            log.error("releases: what served last is not known: %s", broken)
            return
        try:
            self.live = await self._loader.from_disk(name)
        except (FlywheelError, OSError, ValueError, KeyError, TypeError) as refused:
            log.error("releases: what served last cannot be used: %s", refused)
            if isinstance(refused, ReleaseMismatch):
                cache.forget(name)  # so that it is fetched anew: an older copy may lack its signature
            return
        self._current, self.why = name, None
        metrics.RELEASE.labels(self.live.version).set(1)
        say_what_needs_deployment(self.live)
        await self._resume_trial(name)

    async def _resume_trial(self, name: str) -> None:
        """Go on with a trial at once, so that its askers keep their variant over a restart."""
        try:
            pointer = self._signed.pointer()
            champion = champion_in(pointer, self._pointer)
            named, _ = self._on_trial(pointer)
        except (FlywheelError, OSError, ValueError):
            return
        if named is not None and champion is not None and name_of(champion) == name:
            await self.challenger.resume(named)
