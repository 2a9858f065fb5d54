"""The parts of the online path, put together, started and stopped."""

import asyncio
import gc
import logging
import sys
from dataclasses import dataclass
from time import perf_counter

from feature_repo.records import connect, layouts
from infra import loops
from infra.clock import Clock
from infra.errors import Unavailable
from infra.pseudonyms import Pseudonyms, pseudonyms
from infra.settings import Settings
from serving import metrics
from serving.asker import RedisLink, UserReader
from serving.definition import Served
from serving.erased import Erased
from serving.feedback import Attribution, DecisionLog, EventLog, PageTraces
from serving.guard import Guard
from serving.items import ItemStates, StateFeed
from serving.limits import Rates, Shedding
from serving.model import Releases, load
from serving.page import Ladder
from serving.running import Background, Parent, spare_the_collector
from serving.shadow import Shadow, ShadowPages, shadow_of

COUNTED_EVERY_S = 1.0  # how old a metric may be: Prometheus asks every few seconds
REDIS_S = 2.0  # what one read of item states may take; only the end of the process waits for it
SWITCH_S = 0.0005  # for a thread beside the requests: in Python's own 5 ms, again at each step, a page would be late
log = logging.getLogger(__name__)


@dataclass
class Online:
    """One service process: everything that answers, follows or writes."""

    served: Served
    clock: Clock
    guard: Guard
    erased: Erased
    attribution: Attribution
    states: ItemStates
    link: RedisLink
    feed: StateFeed
    releases: Releases
    ladder: Ladder
    decisions: DecisionLog
    shadow: Shadow
    shadow_pages: ShadowPages
    traces: PageTraces
    events: EventLog
    shedding: Shedding
    parent: Parent
    ids: Pseudonyms | None = None
    ready: bool = False

    def __post_init__(self) -> None:
        self._pooling = Background(self._pool, self.served.process.pools.every_s)
        self._counting = Background(_count, COUNTED_EVERY_S)

    async def start(self) -> None:
        """Start every part; none of them is needed for an answer."""
        sys.setswitchinterval(SWITCH_S)
        spare_the_collector()  # else it visits all that was imported again and again while states are read
        self.decisions.start()
        self.shadow.start()
        self.traces.start()
        await self.parent.start()
        await self.guard.start()
        await self.erased.start()
        await self.events.start()
        await self.link.start()
        # A release's trial has a core of its own; loops are made before a request needs them, whatever else there is.
        await asyncio.gather(self.feed.start(), self.releases.start(), asyncio.to_thread(loops.prepare))
        await self._pool()
        self._pooling.start(at_once=False)
        self._counting.start(at_once=False)
        spare_the_collector()
        self.ready = True

    async def stop(self) -> None:
        """Stop every part; what is waiting to be written is written."""
        self.ready = False
        await self._pooling.stop()
        await self._counting.stop()
        for part in (self.releases, self.feed, self.link, self.events, self.erased, self.guard, self.parent):
            await part.stop()
        await asyncio.to_thread(self.shadow.stop)
        await asyncio.to_thread(self.traces.stop)
        await asyncio.to_thread(self.decisions.stop)
        gc.unfreeze()  # memory and files are freed in a process that goes on

    async def _pool(self) -> None:
        began = perf_counter()
        await asyncio.to_thread(self.ladder.parts.refresh, self.clock.now())
        values = self.served.process.pools
        every_s = values.every_s if self.states.looked and len(self.states) else values.at_first_s
        self._pooling.pause_s = max(every_s, values.rest * (perf_counter() - began))


async def _count() -> None:
    metrics.Tally.flush()


def online(served: Served, settings: Settings, system: str) -> Online:
    """The parts for one system on one installation."""
    service, process, clock = served.policy.service, served.process, Clock.of(settings)
    ids = pseudonyms(settings)
    states, views = _states(served, settings, system), layouts(served.features)
    link = RedisLink(settings.redis_url, service.limits.user_ms / 1000, process.breakers)
    releases = Releases(
        settings, system, process.releases, lambda folder: load(folder, served, states), served.policy.release
    )
    users = UserReader(link, served.features, views, service, states)
    shedding = Shedding(lambda: releases.policy.limits)
    erased = Erased(settings.lake)
    shadow = shadow_of(settings.of(system), clock, process, shedding)
    metrics.OBJECTIVE.set(service.limits.personalised)
    return Online(
        served=served,
        clock=clock,
        guard=Guard(settings),
        erased=erased,
        attribution=Attribution(served, Rates(service.feedback, settings.service_workers), erased, ids),
        states=states,
        link=link,
        feed=StateFeed(connect(settings.redis_url, REDIS_S), views, states, process.states),
        releases=releases,
        ladder=Ladder(served, states, users, releases, clock, shedding, erased),
        shedding=shedding,
        shadow=shadow,
        shadow_pages=ShadowPages(shadow, releases),
        traces=PageTraces(settings.of(system), clock, process, states),
        parent=Parent(),
        ids=ids,
        decisions=DecisionLog(
            settings.landing / served.impressions.name, clock.now, process.landing, settings.hand_over_s
        ),
        events=EventLog(settings.landing / served.events.name, clock, process.landing, settings.hand_over_s),
    )


def _states(served: Served, settings: Settings, system: str) -> ItemStates:
    """Item states in the installation's folder; in memory of this process alone where they cannot be shared there."""
    folder = settings.of(system).serving / "states"
    try:
        states = ItemStates(served.features, served.policy.service, folder, settings.item_capacity)
    except (OSError, Unavailable) as refused:
        log.error("item states: %s; this process keeps its own", refused)
        states = ItemStates(served.features, served.policy.service, capacity=settings.item_capacity)
    metrics.CAPACITY.set(states.capacity)
    return states
