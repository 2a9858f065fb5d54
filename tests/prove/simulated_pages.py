"""Pages of a simulated platform in an order of one's own: what their users do, and what is to be expected of them."""

from dataclasses import dataclass

import numpy as np

from infra.arrays import Bools, Float64s, Int64s
from orchestration.sources.simulator import World
from orchestration.sources.simulator.behaviour import Outcomes, Pages, act, examination, tiredness
from orchestration.sources.simulator.truth import odds, pair


@dataclass(frozen=True, slots=True)
class Items:
    """Videos that pages are made of: (pages,) users, moments and devices, (pages, items) videos, in no order."""

    world: World
    who: Int64s
    at: Float64s
    device: Int64s
    what: Int64s

    @classmethod
    def drawn(cls, world: World, pages: int, items: int, seed: int) -> "Items":
        """Users and moments of the last days drawn evenly, and for each as many videos of those that may be shown."""
        rng, users = np.random.default_rng(seed), world.platform.users
        at = world.scale.finish - rng.random(pages) * 86_400.0
        there = np.flatnonzero((users.signup_at <= world.scale.finish - 86_400.0) & (users.left_at > at.max()))
        who, live = rng.choice(there, pages), world.platform.videos.live(world.scale.finish)
        keys = rng.random((pages, len(live)))
        may = world.platform.may_show(who[:, None], live[None, :], at[:, None])
        what = live[np.argsort(np.where(may, keys, np.inf), axis=1)[:, :items]]
        return cls(world, who, at, users.usual_device(who, at), what)

    def shown(self, order: Int64s, places: int) -> "Shown":
        """The first items of each page in an order, (pages, items)."""
        feed = np.take_along_axis(self.what, order[:, :places], axis=1)
        nothing_before = np.zeros((len(feed), len(self.world.platform.categories.names)))
        pages = Pages(self.who, self.at, self.device, feed, np.zeros(len(feed), dtype=np.int64), nothing_before)
        return Shown(self.world, pages)

    def flat(self) -> tuple[Int64s, Int64s, Float64s, Int64s]:
        """User, video, moment and device of each item of each page."""
        user, at, device = (np.repeat(column, self.what.shape[1]) for column in (self.who, self.at, self.device))
        return user, self.what.ravel(), at, device


@dataclass(frozen=True, slots=True)
class Shown:
    """Pages as they are shown."""

    world: World
    pages: Pages

    def gains(self, seed: int) -> Float64s:
        """(pages, places) what came of each place once: 1 for a long view, 2 when liked, 3 when passed on."""
        done: Outcomes = act(self.world.platform, self.pages, seed)
        liked: Bools = done.like | done.comment
        spread: Bools = done.share | done.follow
        gains: Float64s = done.long_view * (1.0 + liked * ~spread + 2.0 * spread)
        return gains

    def expected(self) -> Float64s:
        """(pages, places) the mean of these gains, for these very pages: what is above a video tires its user, too."""
        places = self.pages.feed.shape[1]
        who, at, device = (np.repeat(column, places) for column in (self.pages.who, self.pages.at, self.pages.device))
        platform = self.world.platform
        fit = pair(platform, who, self.pages.feed.ravel(), at, device)
        chance = odds(fit, tiredness(platform, self.pages).ravel())
        liked = 1 - (1 - chance.like) * (1 - chance.comment)
        spread = 1 - (1 - chance.share) * (1 - chance.follow)
        worth = chance.click * chance.long_view * (1 + liked * (1 - spread) + 2 * spread)
        expected: Float64s = examination(platform, self.pages) * worth.reshape(self.pages.feed.shape)
        return expected
