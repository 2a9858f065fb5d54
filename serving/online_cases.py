"""The parts of a service of cases, put together, started and stopped."""

import asyncio
import gc
import sys
from dataclasses import dataclass
from typing import Protocol

from infra import loops
from infra.clock import Clock
from infra.pseudonyms import Pseudonyms, pseudonyms
from infra.settings import Settings
from serving import metrics
from serving.asker import CaseReader, RedisLink
from serving.case_policy import Decide, ServedCases
from serving.deciding import Answers, CaseLadder, CaseReleases, ReviewQueue, Slots
from serving.erased import Erased
from serving.feedback import DecisionLog, EventLog, OutcomeRows
from serving.guard import Guard
from serving.limits import Rates, Shedding
from serving.model import ReleaseFollower, load_cases
from serving.running import Background, Parent, spare_the_collector
from serving.shadow import Shadow, ShadowCases, shadow_of

COUNTED_EVERY_S = 1.0  # how old a metric may be: Prometheus asks every few seconds
SWITCH_S = 0.0005  # for a thread beside the requests, as for pages


class Part(Protocol):
    """Something that works beside the requests."""

    async def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """End."""


@dataclass
class OnlineCases:
    """One service process: everything that answers, follows or writes."""

    served: ServedCases
    clock: Clock
    guard: Guard
    erased: Erased
    link: RedisLink
    releases: CaseReleases
    ladder: CaseLadder
    outcomes: OutcomeRows
    queue: ReviewQueue
    decisions: DecisionLog
    shadow: Shadow
    shadow_cases: ShadowCases
    events: dict[str, EventLog]
    shedding: Shedding
    parent: Parent
    ids: Pseudonyms | None = None
    ready: bool = False

    def __post_init__(self) -> None:
        self._counting = Background(_count, COUNTED_EVERY_S)

    def _parts(self) -> list[Part]:
        return [self.parent, self.guard, self.erased, *self.events.values(), self.link]

    async def start(self) -> None:
        """Start every part; none of them is needed for an answer."""
        sys.setswitchinterval(SWITCH_S)
        spare_the_collector()
        self.decisions.start()
        self.shadow.start()
        for part in self._parts():
            await part.start()
        if isinstance(self.served.policy, Decide) and self.served.policy.queue:
            await asyncio.to_thread(self.queue.prepare)
        await asyncio.gather(self.releases.start(), asyncio.to_thread(loops.prepare))
        self._counting.start(at_once=False)
        spare_the_collector()
        self.ready = True

    async def stop(self) -> None:
        """Stop every part; what is waiting to be written is written."""
        self.ready = False
        await self._counting.stop()
        for part in (self.releases, *reversed(self._parts())):
            await part.stop()
        await asyncio.to_thread(self.shadow.stop)
        await asyncio.to_thread(self.decisions.stop)
        self.queue.close()
        gc.unfreeze()  # memory and files are freed in a process that goes on


async def _count() -> None:
    metrics.Tally.flush()


def online_cases(served: ServedCases, settings: Settings, system: str) -> OnlineCases:
    """The parts for one system on one installation."""
    settings = settings.of(system)
    process, clock, policy = served.process, Clock.of(settings), served.policy
    ids, erased, project = pseudonyms(settings), Erased(settings.lake), served.features.name
    link = RedisLink(settings.redis_url, policy.state_ms / 1000, process.breakers)
    releases: CaseReleases = ReleaseFollower(
        settings, system, process.releases, lambda folder: load_cases(folder, served), policy
    )
    shedding = Shedding(lambda: releases.policy.limits)
    shadow = shadow_of(settings, clock, process, shedding)
    queue = ReviewQueue(settings.serving / ReviewQueue.FILE)
    reader = CaseReader(link, served.features, served.given)
    answers = Answers(project, served.key, policy.remember_s, link)
    return OnlineCases(
        served=served, clock=clock, guard=Guard(settings, system), erased=erased, link=link, releases=releases,
        ladder=CaseLadder(
            served, reader, releases, answers, Slots(queue, project, link), link, clock, shedding, erased
        ),
        outcomes=OutcomeRows(served, Rates(policy.feedback, settings.service_workers), erased, ids),
        queue=queue,
        decisions=DecisionLog(
            settings.landing / served.decisions.name, clock.now, process.landing, settings.hand_over_s
        ),
        events={
            table.name: EventLog(settings.landing / table.name, clock, process.landing, settings.hand_over_s)
            for table in served.events
        },
        shadow=shadow, shadow_cases=ShadowCases(shadow, releases, served.features),
        shedding=shedding, parent=Parent(), ids=ids,
    )  # fmt: skip
