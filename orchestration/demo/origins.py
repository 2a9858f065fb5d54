"""Where the demo's events come from: a simulated platform, or KuaiRand's real ones."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pyarrow.compute as pc

from infra.lake import Lake
from orchestration.demo.echo import echo
from orchestration.sources import kuairand
from orchestration.sources.simulator import Events, Scale, World, as_json, deliver
from orchestration.system import System

Facts = Mapping[str, Any]
AFTERWARDS = 2  # drifted days, which follow one normal day after the history: enough to confirm a drift


class Origin(Protocol):
    """A source of events for the demo."""

    @property
    def first(self) -> date:
        """The first day with events, UTC."""

    @property
    def last(self) -> date:
        """The last day of the history, UTC."""

    def system(self, home_feed: System) -> System:
        """The home feed as this source judges it."""

    def deliver(self, landing: Path) -> Facts:
        """Write the history into the landing; returns what was delivered."""

    def deliver_drifted(self, landing: Path, lake: Lake) -> Facts:
        """Write the days after the history, in which something has suddenly changed."""

    def users(self, count: int, lake: Lake) -> list[str]:
        """Some users, the most active first."""

    def react(self, user: str, shown: list[str], at: float, request_id: str) -> list[dict[str, Any]]:
        """What a user does with a feed, as events to POST beside the answer's token."""


@dataclass
class Simulated:
    """The simulated platform: its history, and two days in which tastes and the catalogue have changed."""

    scale: Scale

    @cached_property
    def world(self) -> World:
        """The world as it was during the history."""
        return World.make(self.scale)

    @cached_property
    def past(self) -> Events:
        """The clean rows of the history."""
        return self.world.history()

    @property
    def first(self) -> date:
        """The first day with events."""
        return self.scale.start.date()

    @property
    def last(self) -> date:
        """The last day of the history."""
        return self.scale.end.date() - timedelta(days=1)

    def system(self, home_feed: System) -> System:
        """The home feed as it is."""
        return home_feed

    def deliver(self, landing: Path) -> Facts:
        """Write the history into the landing, with its late, doubled and broken rows."""
        return deliver(self.past, self.scale, landing)

    def deliver_drifted(self, landing: Path, lake: Lake) -> Facts:
        """Overnight most users change their taste, new videos are longer, and clients omit lengths and positions."""
        changed = self.world.drifted(self.scale.finish, tastes=0.45, lengths=4.0, unknown_lengths=0.8, unplaced=0.3)
        events = self.past + changed.history(self.scale.days + 1, AFTERWARDS, after=self.past)
        del self.past  # no longer needed, and the retraining that follows needs the memory
        start = self.scale.end + timedelta(days=1)
        return deliver(events, self.scale, landing, start, start + timedelta(days=AFTERWARDS))

    def users(self, count: int, lake: Lake) -> list[str]:
        """The most active users of the last day."""
        return [str(user) for user in self.world.active_users(self.scale.days - 1)[:count]]

    def region_of(self, user: str) -> str:
        """The region of a user's account."""
        descriptions = self.past.users.filter(pc.equal(self.past.users["user_id"], user))
        return str(descriptions["region"][-1].as_py())

    def react(self, user: str, shown: list[str], at: float, request_id: str) -> list[dict[str, Any]]:
        """What this user would do with this feed, by the world's own truth."""
        done = as_json(self.world.answer(user, shown, at, self.scale.seed, request_id).engagements)
        ours = ("event_id", "received_at")  # the service makes both
        return [{name: value for name, value in row.items() if name not in ours} for row in done]


@dataclass
class Real:
    """KuaiRand's events; the days after them are its last day again, with a tenth of each watch."""

    path: Path

    @cached_property
    def _span(self) -> tuple[date, date]:
        return kuairand.days(self.path)

    @property
    def first(self) -> date:
        """The first day with events, UTC."""
        return self._span[0]

    @property
    def last(self) -> date:
        """The last day with events, UTC."""
        return self._span[1]

    def system(self, home_feed: System) -> System:
        """The home feed, judged on the days and rows that are compared on this data."""
        assert home_feed.watch is not None
        task, watch = kuairand.task(home_feed.task, self.path), kuairand.watch(home_feed.watch)
        return replace(home_feed, task=task, watch=watch)

    def deliver(self, landing: Path) -> Facts:
        """Write the published rows into the landing."""
        return kuairand.deliver(self.path, landing)

    def deliver_drifted(self, landing: Path, lake: Lake) -> Facts:
        """The last day twice more, two and three days later, with a tenth of every watch."""
        return echo(lake, self.last, landing, range(2, 2 + AFTERWARDS))

    def users(self, count: int, lake: Lake) -> list[str]:
        """The users with most impressions."""
        shown = lake.read("tables/impressions", columns=["user_id"])["user_id"].to_pandas()
        return [str(user) for user in shown.value_counts().index[:count]]

    def react(self, user: str, shown: list[str], at: float, request_id: str) -> list[dict[str, Any]]:
        """A scripted watch of the first video: what this user would have done is unknown."""
        moment = datetime.fromtimestamp(at, UTC).isoformat()
        event = {"request_id": request_id, "user_id": user, "video_id": shown[0]}
        return [{**event, "action": "watch", "watch_seconds": 20.0, "long_view": True, "event_time": moment}]


def end_of(day: date) -> datetime:
    """The moment a day is over, UTC."""
    return datetime.combine(day + timedelta(days=1), time.min, UTC)


def origin(source: str, path: Path | None, seed: int) -> Origin:
    """The source of that name; raises DefinitionError for another name or a missing path."""
    from infra.errors import DefinitionError
    from validation.contract import unknown

    if source == "simulator":
        return Simulated(Scale(seed=seed))
    if source != "kuairand":
        raise DefinitionError(f"source {unknown(source, ('simulator', 'kuairand'))}")
    if path is None:
        raise DefinitionError("source kuairand: name the folder of its files with --path")
    return Real(path)
