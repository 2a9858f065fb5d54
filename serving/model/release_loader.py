"""Brings releases into memory: fetched and proven unless they were before, and not again at once when refused."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

from infra.errors import ReleaseMismatch, Unavailable
from infra.patience import Patience
from infra.release_format import NamedRelease
from serving import metrics
from serving.definition import FollowValues
from serving.model import proving, scorer
from serving.model.release_cache import ReleaseCache, name_of
from serving.model.scorer import Scorer

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


class ReleaseLoader(Generic[LoadedRelease]):
    """Loads releases of one system. `load` makes a proven release of its folder."""

    def __init__(
        self, cache: ReleaseCache, values: FollowValues, patience: Patience, load: Callable[[Path], LoadedRelease]
    ) -> None:  # fmt: skip
        self.cache, self._values, self._patience, self._load = cache, values, patience, load
        self._refused: dict[str, tuple[float, str]] = {}

    async def loaded(self, named: NamedRelease) -> LoadedRelease:
        """The release; raises ReleaseMismatch, with the reason, for one that was refused or is not proven yet."""
        name = name_of(named)
        at, reason = self._refused.get(name, (0.0, ""))
        if reason and monotonic() - at < self._values.retry_s:
            raise ReleaseMismatch(reason)
        async with self.cache.alone(name):
            try:
                if not self.cache.proof(name).exists():  # by this worker or another one, now or before a rollback
                    folder = await asyncio.to_thread(self.cache.fetch, named, name)
                    trial = proving.prove_in_child(folder, self._values.trial_cpu_s, self._patience)
                    await asyncio.gather(trial, asyncio.to_thread(scorer.prepare))
                    self.cache.proof(name).touch()
                return await self.from_disk(name)
            except ReleaseMismatch as refused:
                self._refuse(name, named.version, str(refused))
            except Unavailable as undecided:
                self._note(name, f"release {named.version} is not proven yet: {undecided}")
        raise ReleaseMismatch(self._refused[name][1])

    async def from_disk(self, name: str) -> LoadedRelease:
        """A release of the cache, as it is there."""
        return await asyncio.to_thread(self._load, self.cache.folder(name))

    def _refuse(self, name: str, version: str, reason: str) -> None:
        self._note(name, f"release {version} was refused: {reason}")
        metrics.REFUSALS.labels(version).inc()
        self.cache.forget(name)

    def _note(self, name: str, why: str) -> None:
        log.error("releases: %s", why)
        self._refused[name] = (monotonic(), why)


def say_what_needs_deployment(release: Loaded) -> None:
    """Log which values of a release hold only after a deployment."""
    if release.needs_deployment:
        log.warning(
            "releases: release %s sets %s otherwise than this service: these values need a deployment, until then the "
            "service's own hold",
            release.version, ", ".join(release.needs_deployment),
        )  # fmt: skip
