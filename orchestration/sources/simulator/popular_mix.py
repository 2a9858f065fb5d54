"""The policy that ranked before there was a model: a mix of popular, fresh, favourite-topic and random videos.

It knows only what the platform had observed by then. `explore` answers are drawn evenly from everything that may be
shown, so that their propensity is known; in the mix it is not, since sources overlap.
"""

import numpy as np

from infra.arrays import Bools, Float64s, Int64s
from orchestration.sources.kit import uniform
from orchestration.sources.simulator.behaviour import NOBODY
from orchestration.sources.simulator.scale import DAY
from orchestration.sources.simulator.truth import Platform

SOURCES = np.cumsum([0.36, 0.14, 0.30])  # popular, fresh, favourite topic; what is left is random
DRAWS = 6  # candidates drawn for each place: some are seen, doubled, not allowed or passed over
MEMORY = 1 * DAY  # half-life of popularity
TASTE_MEMORY = 10 * DAY
EXPLORE = 0.05
PASSED_OVER = 0.65  # share of videos in a language not the user's that the mix leaves out
VARIANTS = ("popular_mix", "explore")


class PopularMix:
    """The policy and what it has learnt so far: watched videos, favourite topics, who has seen what."""

    def __init__(self, platform: Platform, places: int, impressions: int, at: float) -> None:
        self.platform = platform
        self.places = places
        self.at = at
        self.popular = np.zeros(len(platform.videos.born))
        self.favourite = np.zeros((len(platform.users.region), len(platform.categories.names)))
        self.seen = np.zeros(1 << int(np.ceil(np.log2(32 * impressions + 1024))), dtype=bool)

    def learn(self, who: Int64s, what: Int64s, at: Float64s) -> None:
        """Take note of long views."""
        np.add.at(self.popular, what, np.exp2((at - self.at) / MEMORY))
        np.add.at(self.favourite, (who, self.platform.videos.category[what]), np.exp2((at - self.at) / TASTE_MEMORY))

    def remember(self, who: Int64s, what: Int64s) -> None:
        """Take note of what was shown; by collisions of their hashes a few other pairs count as seen, too."""
        self.seen[self._slot(who, what)] = True

    def stock(self, at: float) -> None:
        """Order what is live by what is popular now."""
        self.popular *= np.exp2((self.at - at) / MEMORY)
        self.favourite *= np.exp2((self.at - at) / TASTE_MEMORY)
        self.at = at
        videos = self.platform.videos
        self.live_videos = videos.live(at)
        tie = uniform(self.platform.seed, "shelf", self.live_videos, int(at))
        rank = np.argsort(-(self.popular[self.live_videos] + 0.1 * tie), kind="stable")
        self.top = self.live_videos[rank]
        topic = videos.category[self.top]
        self.by_topic = self.top[np.argsort(topic, kind="stable")]
        self.in_topic = np.bincount(topic, minlength=self.favourite.shape[1])
        self.topic_starts = np.cumsum(self.in_topic) - self.in_topic

    def feeds(self, who: Int64s, at: Float64s) -> tuple[Int64s, Bools, Float64s]:
        """Videos and their propensity (NaN where it is not known), both (pages, places), and which pages explore."""
        moment = np.round(at * 1000).astype(np.int64)
        explores = uniform(self.platform.seed, "explore", who, moment) < EXPLORE
        drawn = np.where(explores[:, None], self._any(who, moment), self._mixed(who, at, moment))
        feed = self._first_good(who, at, drawn, explores)
        propensity = np.full(len(who), np.nan)
        propensity[explores] = 1.0 / self._eligible(who[explores], at[explores])
        return feed, explores, np.repeat(propensity[:, None], self.places, axis=1)

    def _eligible(self, who: Int64s, at: Float64s) -> Int64s:
        """How many videos may be shown to each user at each moment."""
        videos, region = self.platform.videos, self.platform.users.region[who]
        live = videos.gone[self.live_videos][None, :] > at[:, None]
        old_enough = videos.rating[self.live_videos] <= self.platform.users.may_see(who)[:, None]
        count: Int64s = np.maximum((videos.allowed[self.live_videos].T[region] & live & old_enough).sum(axis=1), 1)
        return count

    def _mixed(self, who: Int64s, at: Float64s, moment: Int64s) -> Int64s:
        source = np.searchsorted(SOURCES, self._chance("source", who, moment), side="right")
        depth = self._chance("depth", who, moment)
        popular = self.top[(min(300, len(self.top)) * depth**1.6).astype(np.int64)]
        newest = np.searchsorted(self.platform.videos.born, at, side="right")[:, None] - 1
        fresh = np.maximum(newest - (200 * depth**1.3).astype(np.int64), 0)
        anything = self.live_videos[(len(self.live_videos) * depth).astype(np.int64)]
        mixed: Int64s = np.choose(source, [popular, fresh, self._favourites(who, moment, depth), anything])
        return mixed

    def _favourites(self, who: Int64s, moment: Int64s, depth: Float64s) -> Int64s:
        liking = np.where(self.in_topic > 0, self.favourite[who] + 0.25, 0.0)
        upto = np.cumsum(liking, axis=1) / liking.sum(axis=1, keepdims=True)
        topic = (self._chance("topic", who, moment)[:, :, None] >= upto[:, None, :]).sum(axis=2)
        topic = np.minimum(topic, liking.shape[1] - 1)
        within = (np.minimum(self.in_topic[topic], 120) * depth**1.4).astype(np.int64)
        favourites: Int64s = self.by_topic[np.minimum(self.topic_starts[topic] + within, len(self.by_topic) - 1)]
        return favourites

    def _any(self, who: Int64s, moment: Int64s) -> Int64s:
        return self.live_videos[(len(self.live_videos) * self._chance("any", who, moment)).astype(np.int64)]

    def _first_good(self, who: Int64s, at: Float64s, drawn: Int64s, explores: Bools) -> Int64s:
        """The first drawn videos that may be shown, each once; the mix omits seen ones and most in another language."""
        videos, region = self.platform.videos, self.platform.users.region[who][:, None]
        already_seen: Bools = self.seen[self._slot(who[:, None], drawn)] & ~explores[:, None]
        foreign = videos.language[drawn] != self.platform.users.language[who][:, None]
        left_out = foreign & ~explores[:, None] & (self._chance("language", who, np.round(at * 1000)) < PASSED_OVER)
        gone = (videos.gone[drawn] <= at[:, None]) | (videos.born[drawn] > at[:, None])
        grown = videos.rating[drawn] > self.platform.users.may_see(who)[:, None]
        bad = already_seen | left_out | gone | grown | ~videos.allowed[drawn, region] | _doubled(drawn)
        first = np.argsort(bad, axis=1, kind="stable")[:, : self.places]
        taken: Int64s = np.where(
            np.take_along_axis(bad, first, axis=1), NOBODY, np.take_along_axis(drawn, first, axis=1)
        )
        return taken

    def _chance(self, channel: str, who: Int64s, moment: Int64s) -> Float64s:
        draws = np.arange(self.places * DRAWS)
        return uniform(self.platform.seed, channel, who[:, None], moment[:, None], draws[None, :])

    def _slot(self, who: Int64s, what: Int64s) -> Int64s:
        slot: Int64s = (uniform(self.platform.seed, "seen", who, what) * len(self.seen)).astype(np.int64)
        return slot


def _doubled(drawn: Int64s) -> Bools:
    """Which entries of each row came before in it."""
    order = np.argsort(drawn, axis=1, kind="stable")
    ranked = np.take_along_axis(drawn, order, axis=1)
    again = np.zeros(drawn.shape, dtype=bool)
    np.put_along_axis(again, order[:, 1:], ranked[:, 1:] == ranked[:, :-1], axis=1)
    return again
