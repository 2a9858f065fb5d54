"""Follows the release on trial: it is loaded beside the champion, and dropped when its trial ends."""

import logging
from dataclasses import dataclass, replace
from typing import Generic

from infra.errors import FlywheelError
from infra.release_format import Challenger
from serving import metrics
from serving.assignment import CHALLENGER
from serving.model.release_cache import name_of
from serving.model.release_loader import LoadedRelease, ReleaseLoader, say_what_needs_deployment
from serving.running import Background

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OnTrial(Generic[LoadedRelease]):
    """A release on trial, in memory: it answers `share` (0 to 1) of the askers, who are drawn with `salt`."""

    name: str
    release: LoadedRelease
    share: float
    salt: str


class ChallengerFollower(Generic[LoadedRelease]):
    """`trial` is the release on trial, None while there is none in memory; `why` it is not the one that is wanted.

    It is loaded in a turn of its own: a challenger that takes long, or cannot be used, keeps nobody from following the
    champion.
    """

    def __init__(self, loader: ReleaseLoader[LoadedRelease], every_s: float) -> None:
        self._loader = loader
        self._wanted: Challenger | None = None
        self._following = Background(self.follow, every_s)
        self.trial: OnTrial[LoadedRelease] | None = None
        self.why: str | None = None

    def start(self) -> None:
        """Load what is wanted from now on."""
        self._following.start(at_once=False)

    async def stop(self) -> None:
        """Load no longer."""
        await self._following.stop()

    def want(self, challenger: Challenger | None, why: str | None = None) -> None:
        """Take note of what the pointer names: another share counts from the next request on, and so does an end.

        `why` says what keeps anybody from knowing whether there is a trial.
        """
        self._wanted = challenger
        if why is not None and why != self.why:
            log.error("releases: %s", why)
        if challenger is None:
            self.why = why
        if self.trial is None:
            return
        if challenger is None or self.trial.name != name_of(challenger.release):
            self._drop(self.trial)
        elif (self.trial.share, self.trial.salt) != (challenger.share / 100, challenger.salt):
            self._set(replace(self.trial, share=challenger.share / 100, salt=challenger.salt))

    async def follow(self) -> None:
        """Load the release that is wanted, unless it is in memory."""
        wanted = self._wanted
        if wanted is None or self.trial is not None:
            return
        try:
            release = await self._loader.loaded(wanted.release)
        except (FlywheelError, OSError, ValueError) as refused:
            if self.why != str(refused):
                log.warning("releases: on trial: %s", refused)
            self.why = str(refused)
            return
        self.take(wanted, release)

    async def resume(self, challenger: Challenger) -> None:
        """Load a release that was on trial before this process began; one that is not proven here has to wait."""
        self._wanted = challenger
        if self._loader.cache.proof(name_of(challenger.release)).exists():
            await self.follow()

    def take(self, wanted: Challenger, release: LoadedRelease) -> None:
        """Answer askers by a loaded release, unless another one is wanted by now."""
        now = self._wanted
        if now is None or name_of(now.release) != name_of(wanted.release):
            return
        log.warning("releases: release %s is on trial from now on", release.version)
        say_what_needs_deployment(release)
        self.why = None
        metrics.ON_TRIAL.labels(release.version).set(1)
        self._set(OnTrial(name_of(now.release), release, now.share / 100, now.salt))

    def _set(self, trial: OnTrial[LoadedRelease]) -> None:
        log.warning("releases: release %s answers %g %% of the askers", trial.release.version, 100 * trial.share)
        metrics.CHALLENGER_SHARE.set(trial.share)
        self.trial = trial

    def _drop(self, trial: OnTrial[LoadedRelease]) -> None:
        log.warning("releases: release %s is on trial no more", trial.release.version)
        metrics.ON_TRIAL.labels(trial.release.version).set(0)
        metrics.CHALLENGER_SHARE.set(0)
        metrics.BREAKER.labels(CHALLENGER).set(0)  # there is nothing left that could be broken
        self.trial = None
