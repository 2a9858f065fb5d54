"""Feeds answered in process, by the ladder that answers in the service, under any policy."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import msgspec

from infra.errors import Unavailable
from orchestration.system import Installation
from serving.api import messages_of
from serving.definition import Policy, Served
from serving.limits import Budget
from serving.online import Online, online
from serving.page import FULL, Page

PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class OnlinePath:
    """The online path of an installation, loaded: without time limits, and without memory of what was shown."""

    parts: Online
    loop: asyncio.Runner

    def feeds(self, policy: Policy, users: Sequence[str]) -> list[Page]:
        """The feed of each user under a policy; raises Unavailable when one does not come from the highest rung."""
        release = self.parts.releases.live
        if release is None:
            raise Unavailable(
                f"funnel: no release answers: {self.parts.releases.why}. Remove the home and measure again."
            )
        self.parts.releases.live = replace(release, policy=unhurried(policy).release)
        feed_message = messages_of(policy.service, self.parts.served.events).feed
        return [self._feed(feed_message(user=user)) for user in users]

    def _feed(self, request: object) -> Page:
        page, _ = self.loop.run(self.parts.ladder.feed(request, Budget(PATIENCE_S)))
        if page.served_by != FULL:
            raise Unavailable(f"funnel: a feed was served by {page.served_by}: {page.reason}. Measure again.")
        return page


@contextmanager
def opened_path(installation: Installation) -> Iterator[OnlinePath]:
    """The online path of an installation, started in this process while the block runs."""
    system = installation.system
    shown, events = installation.tables[system.task.decisions], installation.tables[system.task.outcomes_in]
    parts = online(Served(unhurried(system.page), system.features, shown, events), installation.settings, system.name)
    with asyncio.Runner() as loop:
        loop.run(parts.start())
        try:
            yield OnlinePath(parts, loop)
        finally:
            loop.run(parts.stop())


def unhurried(policy: Policy) -> Policy:
    """The policy without anything that depends on how busy this machine is, or on who was asked before."""
    patient = PATIENCE_S * 1000
    service, release = policy.service, policy.release
    waiting = msgspec.structs.replace(service.limits, user_ms=patient)
    limits = msgspec.structs.replace(
        release.limits, request_ms=patient, unscored_ms=patient, refuse_ms=patient, lowest_share=0.0
    )
    return Policy(
        msgspec.structs.replace(service, limits=waiting, remember_s=0.0),
        msgspec.structs.replace(release, limits=limits),
    )
