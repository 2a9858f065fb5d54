"""Where the demo's events come from: a simulated platform, or KuaiRand's real ones."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from orchestration.demo.echo import echo
from orchestration.sources import kuairand
from orchestration.sources.simulator.delivery import deliver
from orchestration.sources.simulator.events import Events
from orchestration.sources.simulator.scale import Scale
from orchestration.sources.simulator.world import World
from orchestration.system import System
from validation.lake import Lake

Facts = Mapping[str, Any]
AFTERWARDS = 2  # days that follow the history: enough windows to confirm a drift


class Origin(Protocol):
    """A source of events the demo can be told with."""

    first: date
    last: date

    def system(self, home_feed: System) -> System:
        """The home feed as this source judges it."""

    def deliver(self, landing: Path) -> Facts:
        """Write the history into the landing; returns what was delivered."""

    def deliver_drifted(self, landing: Path, lake: Lake) -> Facts:
        """Write the days after the history, in which something has suddenly changed."""


@dataclass
class Simulated:
    """The simulated platform: its history, and two days in which tastes and the catalogue turn."""

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
        """Half of the users change their taste overnight, and a new client no longer sends the length of videos."""
        changed = self.world.drifted(self.scale.finish, tastes=0.6, lengths=3.0, unknown_lengths=0.5)
        events = self.past + changed.history(self.scale.days, AFTERWARDS, after=self.past)
        return deliver(events, self.scale, landing, self.scale.end, self.scale.end + timedelta(days=AFTERWARDS))


@dataclass
class Real:
    """KuaiRand's events; the days after them are its last day again, from a client that reports a fraction of each watch."""

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
        return replace(home_feed, ranking=kuairand.ranking(home_feed.ranking))

    def deliver(self, landing: Path) -> Facts:
        """Write the published rows into the landing."""
        return kuairand.deliver(self.path, landing)

    def deliver_drifted(self, landing: Path, lake: Lake) -> Facts:
        """The last day twice more, a day and two days later, with a tenth of every watch."""
        return echo(lake, self.last, landing, AFTERWARDS)


def end_of(day: date) -> datetime:
    """The moment a day is over, UTC."""
    return datetime.combine(day + timedelta(days=1), time.min, UTC)


def origin(source: str, path: Path | None, seed: int) -> Origin:
    """The source of that name; raises DefinitionError for another name or a missing path."""
    from validation.contract import unknown
    from validation.errors import DefinitionError

    if source == "simulator":
        return Simulated(Scale(seed=seed))
    if source != "kuairand":
        raise DefinitionError(f"source {unknown(source, ('simulator', 'kuairand'))}")
    if path is None:
        raise DefinitionError("source kuairand: name the folder of its files with --path")
    return Real(path)
