"""The pages of simulated users and what may happen on them, made once for many trials.

A page shows the best ten of a few dozen videos that may be shown, by their true utility and an error of the release's
own. What users do there are draws with the simulator's own chances.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from orchestration.sources.simulator import World
from orchestration.sources.simulator.behaviour import Pages, examination, tiredness
from orchestration.sources.simulator.sessions import sessions_of
from orchestration.sources.simulator.truth import odds, pair

PLACES, CANDIDATES, HOUR = 10, 40, 3600.0
LOWER, FAILED = 0.004, 0.0005  # shares of pages that come from a lower rung, and without any release


@dataclass(frozen=True)
class Release:
    """How well a release knows what its users like: the error of its scores, in parts of the spread of true utility.

    in_region  the error in one region (by its place); `lower`, the share of pages it is too late for
    """

    error: float
    in_region: tuple[int, float] | None = None
    lower: float = LOWER


@dataclass(frozen=True)
class Chances:
    """What happens on the pages of one release: (pages, places) chances, and how many are of top creators."""

    click: np.ndarray
    long_view: np.ndarray
    hide: np.ndarray
    top: np.ndarray
    lower: float

    @property
    def utility(self) -> np.ndarray:
        """(pages,) expected long views."""
        return np.asarray(self.long_view.sum(axis=1))


@dataclass(frozen=True)
class Visits:
    """The pages of some days, oldest first, with the candidates of each."""

    world: World
    first_day: int
    days: int

    @cached_property
    def pages(self) -> Pages:
        """Who comes, when, on what; the feed is still empty."""
        platform, scale = self.world.platform, self.world.scale
        sessions = [
            sessions_of(scale, platform.users, day) for day in range(self.first_day, self.first_day + self.days)
        ]
        who, at, device, count = (
            np.concatenate([getattr(s, name) for s in sessions]) for name in ("who", "at", "device", "pages")
        )
        nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        times = np.repeat(at, count) + 60.0 * nth
        recent = np.zeros((len(nth), len(platform.categories.names)))
        feed = np.zeros((len(nth), PLACES), dtype=np.int64)
        pages = Pages(np.repeat(who, count), times, np.repeat(device, count), feed, nth, recent)
        order = np.argsort(times, kind="stable")
        return replace(
            pages, who=pages.who[order], at=times[order], device=pages.device[order], page=nth[order], recent=recent
        )

    @cached_property
    def hours(self) -> np.ndarray:
        """(pages,) hours since the beginning of the first day, ascending."""
        began = self.world.scale.begin + self.first_day * 86_400
        return np.asarray((self.pages.at - began) / HOUR)

    @cached_property
    def candidates(self) -> tuple[np.ndarray, np.ndarray]:
        """(pages, candidates) videos, and their true utility; one that may not be shown is worth nothing."""
        pages, platform = self.pages, self.world.platform
        draw, shape = np.random.default_rng(self.world.scale.seed + self.first_day), (len(pages.who), CANDIDATES)
        videos, worth = np.empty(shape, dtype=np.int64), np.empty(shape)
        day = ((pages.at - self.world.scale.begin) // 86_400).astype(int)
        for each in np.unique(day):  # a day at a time: all pairs of a large world would take gigabytes
            live = platform.videos.live(self.world.scale.begin + each * 86_400)
            rows = day == each
            some = draw.choice(live, (int(rows.sum()), CANDIDATES))
            who, at, device = (np.repeat(a[rows], CANDIDATES) for a in (pages.who, pages.at, pages.device))
            utility = odds(pair(platform, who, some.ravel(), at, device)).utility()
            allowed = platform.may_show(who, some.ravel(), at)
            videos[rows], worth[rows] = some, np.where(allowed, utility, -1.0).reshape(some.shape)
        return videos, worth

    def chances(self, release: Release, seed: int) -> Chances:
        """What happens on the pages that a release makes."""
        videos, worth = self.candidates
        platform, pages = self.world.platform, self.pages
        error = np.full(len(videos), release.error)
        if release.in_region:
            region, there = release.in_region
            error[platform.users.region[pages.who] == region] = there
        noise = np.random.default_rng(seed).normal(size=videos.shape) * (error * worth.std())[:, None]
        order = np.argsort(-(worth + noise), axis=1, kind="stable")[:, :PLACES]
        shown = replace(pages, feed=np.take_along_axis(videos, order, axis=1))
        who, at, device = (np.repeat(a, PLACES) for a in (pages.who, pages.at, pages.device))
        fit = odds(pair(platform, who, shown.feed.ravel(), at, device), tiredness(platform, shown).ravel())
        looked = examination(platform, shown)
        click = looked * fit.click.reshape(looked.shape)
        long_view = click * fit.long_view.reshape(looked.shape)
        rejected = (1 - (1 - fit.hide) * (1 - fit.report)).reshape(looked.shape)
        top = np.isin(platform.videos.creator[shown.feed], self._top).sum(axis=1)
        return Chances(click, long_view, (looked - long_view) * rejected, top.astype(float), release.lower)

    @cached_property
    def _top(self) -> np.ndarray:
        """The 1 % of creators with most videos."""
        counts = np.bincount(self.world.platform.videos.creator)
        return np.argsort(-counts)[: max(1, len(counts) // 100)]


def outcomes(chances: Chances, draw: np.random.Generator) -> dict[str, np.ndarray]:
    """(pages,) what happened on each page, by the name of the sum."""
    count, places = chances.click.shape
    luck = draw.random((3, count, places), dtype=np.float32)
    clicked = luck[0] < chances.click
    long_view = clicked & (luck[1] * chances.click < chances.long_view)
    return {
        "pages": np.ones(count), "shown": np.full(count, float(places)), "clicks": clicked.sum(axis=1).astype(float),
        "long_views": long_view.sum(axis=1).astype(float), "hides": (luck[2] < chances.hide).sum(axis=1).astype(float),
        "top": chances.top, "lower": (draw.random(count) < chances.lower).astype(float),
        "failed": (draw.random(count) < FAILED).astype(float),
    }  # fmt: skip
