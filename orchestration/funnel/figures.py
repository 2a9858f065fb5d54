"""Figures of feeds, by the simulator's truth: one value for each user or group of users, ready to be resampled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infra.arrays import Bools, Float64s, Int64s
from orchestration.sources.simulator import NOBODY, World

NEW_S = 86_400.0
TOP = 0.01  # the share of creators whose share of the places is told
TOGETHER = 50  # users whose pages are laid together for the catalogue's coverage


@dataclass(frozen=True, slots=True)
class Feeds:
    """Pages of some users: who (users,), shown (users, places) with NOBODY where a page is shorter, at (users,)."""

    who: Int64s
    shown: Int64s
    at: Float64s

    @classmethod
    def of(cls, world: World, users: Sequence[str], pages: Sequence[Sequence[str]], at: Sequence[float]) -> "Feeds":
        """Pages as the answers have them."""
        shown = np.full((len(pages), max(map(len, pages))), NOBODY, dtype=np.int64)
        for row, page in enumerate(pages):
            shown[row, : len(page)] = world.videos.places(list(page))
        return cls(world.users.places(list(users)), shown, np.asarray(at, dtype=np.float64))

    @property
    def filled(self) -> Bools:
        """(users, places) whether there is a video."""
        filled: Bools = self.shown != NOBODY
        return filled


def figures(world: World, feeds: Feeds, seed: int) -> Mapping[str, Float64s]:
    """Every figure of the pages, by its name."""
    return {
        "true utility": utility(world, feeds),
        "long views": watched(world, feeds, seed).sum(axis=1).astype(np.float64),
        "coverage": coverage(world, feeds),
        "top creators": top_creators(world, feeds),
        "new": _mean(feeds, feeds.at[:, None] - world.platform.videos.born[feeds.shown] <= NEW_S),
        "variety": variety(world, feeds),
    }


def utility(world: World, feeds: Feeds) -> Float64s:
    """(users,) mean true utility of a place."""
    shown = np.where(feeds.filled, feeds.shown, 0)
    return _mean(feeds, world.utility(feeds.who[:, None], shown, feeds.at[:, None]))


def watched(world: World, feeds: Feeds, seed: int) -> Bools:
    """(users, places) whether each place is watched long, by users who tire of a topic and do not look at every place.

    All are simulated at one moment, so that a user's random draw for a video is the same on any page.
    """
    pages = [page[filled] for page, filled in zip(feeds.shown, feeds.filled, strict=True)]
    return world.long_views(feeds.who, pages, np.full(len(pages), world.scale.finish), seed)


def coverage(world: World, feeds: Feeds) -> Float64s:
    """(groups,) share of the live catalogue on the pages of so many users together."""
    live = len(world.platform.videos.live(float(feeds.at.min())))
    groups = np.array_split(np.arange(len(feeds.who)), max(1, len(feeds.who) // TOGETHER))
    return np.array([len(np.unique(feeds.shown[group][feeds.filled[group]])) / live for group in groups])


def top_creators(world: World, feeds: Feeds) -> Float64s:
    """(users,) share of the places whose creator is among the TOP share of creators, by places on all pages."""
    creator = world.platform.videos.creator
    counts = np.bincount(creator[feeds.shown[feeds.filled]], minlength=int(creator.max()) + 1)
    top = np.argsort(-counts, kind="stable")[: max(1, round(TOP * len(counts)))]
    return _mean(feeds, np.isin(creator[feeds.shown], top))


def variety(world: World, feeds: Feeds) -> Float64s:
    """(users,) share of the pairs of videos on a page that differ in topic."""
    topic, filled = world.platform.videos.category[feeds.shown], feeds.filled
    pairs = np.triu(filled[:, :, None] & filled[:, None, :], 1)
    different = pairs & (topic[:, :, None] != topic[:, None, :])
    count = pairs.sum(axis=(1, 2))
    return _ratio(different.sum(axis=(1, 2)), count)


def _mean(feeds: Feeds, values: Float64s | Bools) -> Float64s:
    """(users,) the mean over a page; NaN for an empty one."""
    return _ratio(np.where(feeds.filled, values, 0).sum(axis=1), feeds.filled.sum(axis=1))


def _ratio(part: Float64s | Int64s, total: Int64s) -> Float64s:
    shares: Float64s = np.divide(part, total, out=np.full(len(total), np.nan), where=total > 0)
    return shares
