"""The policies that our loop is compared with: each says which page it would have shown the same user at the same time.

None of them is served: users never react to their pages, and nothing is learned from them. What their pages would have
been worth is asked of the simulator's truth.
"""

from typing import Protocol

import numpy as np
import pyarrow.compute as pc

from infra.arrays import Float64s, Int64s
from orchestration.demo.loop.caller import Caller
from orchestration.sources.simulator import DAY, Events, PageShown, World
from serving.definition import ApiNames
from validation.systems.home_feed import DEVICES

PLACES = 10
LONG_S = 30.0
REMEMBERED = 400  # how many videos shown to a user are not shown again, as many as the service remembers


class Line(Protocol):
    """A policy that is compared."""

    def page(self, visit: PageShown) -> Int64s:
        """The videos it would show on this visit, from the top."""


class NotAgain:
    """What a policy would have shown to whom."""

    def __init__(self) -> None:
        self._shown: dict[int, list[int]] = {}

    def to(self, who: int) -> Int64s:
        """The videos, the oldest first."""
        return np.array(self._shown.get(who, []), dtype=np.int64)

    def add(self, who: int, videos: Int64s) -> None:
        """Remember a page; the oldest ones are forgotten."""
        self._shown[who] = [*self._shown.get(who, []), *map(int, videos)][-REMEMBERED:]


class Popular:
    """What was watched long by most people of the region, with a half-life of a day."""

    def __init__(self, world: World) -> None:
        self._world, self._shown = world, NotAgain()
        self._counts: Float64s = np.zeros((world.scale.regions, len(world.platform.videos.born)))
        self._at = world.scale.begin

    def learn(self, who: Int64s, what: Int64s, at: Float64s) -> None:
        """Take note of long views; weights grow with time, which orders videos as decay would."""
        region = self._world.platform.users.region[who]
        np.add.at(self._counts, (region, what), np.exp2((at - self._at) / DAY))

    def learn_past(self, past: Events) -> None:
        """Take note of the long views of a history."""
        watched = past.engagements.filter(pc.equal(past.engagements["action"], "watch"))
        seconds = watched["watch_seconds"].to_numpy()
        what = self._world.videos.places(watched["video_id"])
        long_view = (seconds >= LONG_S) | (seconds >= self._world.platform.videos.duration[what].astype(np.float32))
        at = pc.cast(watched["event_time"], "int64").to_numpy() / 1e6
        self.learn(self._world.users.places(watched["user_id"])[long_view], what[long_view], at[long_view])

    def page(self, visit: PageShown) -> Int64s:
        """The most watched videos that may be shown and were not."""
        may = _may_show(self._world, visit, self._shown)
        counts = self._counts[self._world.platform.users.region[visit.who], may]
        page = may[np.argsort(-counts, kind="stable")[:PLACES]]
        self._shown.add(visit.who, page)
        return page


class Oracle:
    """The page of the highest true worth among all videos that may be shown, place by place."""

    def __init__(self, world: World) -> None:
        self._world, self._shown = world, NotAgain()

    def page(self, visit: PageShown) -> Int64s:
        """The best page."""
        page = self._world.best_page(visit, _may_show(self._world, visit, self._shown), PLACES)
        self._shown.add(visit.who, page)
        return page


class Frozen:
    """The first release for ever: a service of its own follows it alone, with the states that our loop keeps up.

    It is asked for previews, which draw nothing by lot; what the user has seen is what our loop has shown.
    """

    def __init__(self, world: World, caller: Caller, names: ApiNames) -> None:
        self._world, self._caller, self._names = world, caller, names

    def page(self, visit: PageShown) -> Int64s:
        """What the first release would show now."""
        user = str(self._world.users.listed(np.array([visit.who]))[0])
        device = {"device": DEVICES[visit.device]}
        answer = self._caller.feed(self._names.user, user, PLACES, device, preview=True)
        shown = [str(item[self._names.item]) for item in answer["items"]]
        return self._world.videos.places(shown) if shown else np.zeros(0, dtype=np.int64)


def _may_show(world: World, visit: PageShown, shown: NotAgain) -> Int64s:
    """The videos that may be shown to the user now, without those that were; all of them where nothing else is left."""
    live = world.platform.videos.live(visit.at)
    may = live[world.platform.may_show(np.array([visit.who]), live, np.float64(visit.at))]
    new = may[~np.isin(may, shown.to(visit.who))]
    return new if len(new) >= PLACES else may
