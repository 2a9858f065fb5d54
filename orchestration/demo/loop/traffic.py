"""The simulator's users at the live service: they ask for pages and read them, and their apps report what they did."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

import numpy as np
import pyarrow as pa

from infra.clock import ClockHand
from orchestration.demo.loop.accounts import Accounts
from orchestration.demo.loop.caller import Caller
from orchestration.demo.loop.lines import PLACES, Line, Popular
from orchestration.demo.loop.visits import PAUSE_S, Session, Visits
from orchestration.sources.simulator import PageShown, Reading, World, as_json
from serving.definition import ApiNames
from validation.systems.home_feed import DEVICES

HOUR = 3600.0
OURS = ("event_id", "received_at")  # the service makes both
AT_ONCE = 400  # events of one user in one request


@dataclass(order=True, slots=True)
class Report:
    """An event that an app will report once it is online again."""

    due: float
    number: int
    user: str = field(compare=False)
    event: dict[str, Any] = field(compare=False)


@dataclass
class Traffic:
    """All traffic of the loop: pages asked for at the service's own clock, and their events."""

    world: World
    caller: Caller
    hand: ClockHand
    names: ApiNames
    lines: Mapping[str, Line]
    popular: Popular
    accounts: Accounts
    visits: Visits = field(init=False)
    answered: Counter[str] = field(default_factory=Counter)
    _reports: list[Report] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.visits = Visits(self.world)

    def serve(self, until: float) -> None:
        """Everybody who comes before a moment gets a page and reads it; then the clock stands there."""
        for at, session in self.visits.until(until):
            self.hand.move(at)
            self._visit(at, session)
        self.hand.move(until)
        self.report(until)

    def report(self, now: float) -> None:
        """Send the events that are due; what the service has no time for is sent with the next ones."""
        due: dict[str, list[Report]] = defaultdict(list)
        while self._reports and self._reports[0].due <= now:
            report = heapq.heappop(self._reports)
            due[report.user].append(report)
        for reports in due.values():
            for first in range(0, len(reports), AT_ONCE):
                some = reports[first : first + AT_ONCE]
                if self.caller.events([each.event for each in some]):
                    self.answered["events"] += len(some)
                    continue
                self.answered["sent again"] += len(some)
                for each in some:
                    heapq.heappush(self._reports, each)

    def _visit(self, at: float, session: Session) -> None:
        user = str(self.world.users.listed(np.array([session.who]))[0])
        answer = self.caller.feed(self.names.user, user, PLACES, {"device": DEVICES[session.device]})
        shown = [str(item[self.names.item]) for item in answer["items"]]
        videos = self.world.videos.places(shown) if shown else np.zeros(0, dtype=np.int64)
        visit = PageShown(answer["request_id"], session.who, at, session.device, videos, session.shown("loop"))
        reading = self.world.read(visit, self.world.scale.seed)
        self._account(visit, session, answer, reading)
        session.add("loop", videos)
        self._await(user, answer["token"], reading.engagements)
        self._learn(visit, reading)
        self.visits.again(reading.ended_at + PAUSE_S, session)

    def _account(self, visit: PageShown, session: Session, answer: dict[str, Any], reading: Reading) -> None:
        """The page's row, with what the other policies would have shown instead, and its true worth."""
        worth = {"loop": reading.worth}
        for name, line in self.lines.items():
            videos = line.page(visit)
            worth[name] = self.world.worth(visit.with_videos(videos, session.shown(name)))
            session.add(name, videos)
        self.answered[answer["served_by"]] += 1
        self.accounts.add(
            at=visit.at, hour=int((visit.at - self.world.scale.finish) // HOUR), user=visit.who,
            region=int(self.world.platform.users.region[visit.who]), release=answer["release"],
            variant=answer["variant"], served_by=answer["served_by"], shown=len(visit.videos),
            clicks=reading.clicks, long_views=reading.long_views, hides=reading.hides, **worth,
        )  # fmt: skip

    def _learn(self, visit: PageShown, reading: Reading) -> None:
        """Long views become popular as everybody can see them."""
        many = len(reading.long_viewed)
        self.popular.learn(np.full(many, visit.who), reading.long_viewed, np.full(many, visit.at))

    def _await(self, user: str, token: str | None, engagements: pa.Table) -> None:
        """The app reports each event when it would be received, beside the page's token."""
        for row in as_json(engagements):
            due = datetime.fromisoformat(row["received_at"]).timestamp()
            event = {name: value for name, value in row.items() if name not in OURS} | {"token": token}
            heapq.heappush(self._reports, Report(due, next(self._numbers), user, event))
