"""What users do with the feeds they are shown: look, open, watch, praise, reject.

A place in the feed decides whether a video is looked at, not whether it pleases (the examination hypothesis:
Craswell et al. 2008, Joachims et al. 2017). A session tires, and so does the same topic again.
"""

from dataclasses import dataclass

import numpy as np

from infra.arrays import Bools, Float64s, Int64s
from orchestration.sources.kit import uniform
from orchestration.sources.simulator.truth import Platform, odds, pair

STEEP = np.array([0.15, 0.20, 0.40, 0.25])  # how fast looking falls with the place, by device: place ** −STEEP
LONG_S = 30.0
GLANCE_S = 1.5  # a video that is looked at and not opened
BLOCKED = 0.15  # share of those who would hide a video who block its creator instead
NOBODY = -1  # an empty place in a feed


@dataclass(frozen=True, slots=True)
class Pages:
    """Feed answers shown to users, one a row.

    who, at, device  (pages,)        the user, seconds since the epoch, the device
    feed             (pages, places) videos in order, NOBODY where the feed is shorter
    page             (pages,)        how many pages the session had before
    recent           (pages, topics) how much of each topic the user was shown lately
    """

    who: Int64s
    at: Float64s
    device: Int64s
    feed: Int64s
    page: Int64s
    recent: Float64s

    @property
    def filled(self) -> Bools:
        """The places that hold a video."""
        filled: Bools = self.feed != NOBODY
        return filled


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What happened on pages, every array (pages, places); times are seconds since the epoch."""

    looked: Bools
    click: Bools
    long_view: Bools
    watched: Float64s
    like: Bools
    comment: Bools
    share: Bools
    follow: Bools
    hide: Bools
    report: Bools
    block: Bools
    opened_at: Float64s
    ended_at: Float64s


def act(platform: Platform, pages: Pages, seed: int) -> Outcomes:
    """What the users of some pages do; the same page and seed give the same answer, whatever else is asked with it."""
    shape = pages.feed.shape
    who = np.repeat(pages.who, shape[1])
    at = np.repeat(pages.at, shape[1])
    device = np.repeat(pages.device, shape[1])
    what = np.where(pages.filled, pages.feed, 0).ravel()
    chances = odds(pair(platform, who, what, at, device), tiredness(platform, pages).ravel())
    moment = np.round(at * 1000).astype(np.int64)

    def falls(name: str, chance: Float64s) -> Bools:
        return uniform(seed, name, who, what, moment) < chance

    looked = falls("look", examination(platform, pages).ravel()) & pages.filled.ravel()
    click = looked & falls("click", chances.click)
    long_view = click & falls("long view", chances.long_view)
    missed = looked & ~long_view
    watched = _watched(platform.videos.duration[what], click, long_view, uniform(seed, "watch", who, what, moment))
    spent = np.where(looked, watched + GLANCE_S, 0.0).reshape(shape)
    ended_at = pages.at[:, None] + np.cumsum(spent, axis=1)
    hidden = missed & falls("hide", chances.hide)
    blocked = falls("block", np.full(len(what), BLOCKED))
    flags = {
        **{name: long_view & falls(name, getattr(chances, name)) for name in ("like", "comment", "share", "follow")},
        "report": missed & falls("report", chances.report),
        "hide": hidden & ~blocked,
        "block": hidden & blocked,
    }
    return Outcomes(
        looked=looked.reshape(shape),
        click=click.reshape(shape),
        long_view=long_view.reshape(shape),
        watched=watched.reshape(shape),
        **{name: flag.reshape(shape) for name, flag in flags.items()},
        opened_at=ended_at - watched.reshape(shape),
        ended_at=ended_at,
    )


def examination(platform: Platform, pages: Pages) -> Float64s:
    """(pages, places) chance that a place is looked at: it falls down the feed, and from page to page."""
    place = np.arange(1, pages.feed.shape[1] + 1, dtype=np.float64)
    steep = platform.steep * STEEP[pages.device]
    chance: Float64s = place[None, :] ** -steep[:, None] * 0.97 ** pages.page[:, None]
    return chance


def tiredness(platform: Platform, pages: Pages) -> Float64s:
    """(pages, places) log odds lost to the pages before and to more of the same topic."""
    topic = platform.videos.category[pages.feed]
    earlier = np.tril(topic[:, :, None] == topic[:, None, :], -1).sum(axis=2)
    again = earlier + np.take_along_axis(pages.recent, topic, axis=1)
    return tiring(pages.page[:, None], again)


def tiring(pages: Int64s | int, again: Float64s) -> Float64s:
    """Log odds lost to so many pages before and so many videos of the same topic."""
    lost: Float64s = 0.10 * pages + 0.28 * np.minimum(again, 6.0)
    return lost


def _watched(duration: Float64s, click: Bools, long_view: Bools, part: Float64s) -> Float64s:
    """Seconds watched: a long view is 30 s or the whole video (some loop short ones); any other ends before that."""
    enough = np.minimum(duration, LONG_S)
    looped = duration * (1 + np.where(part < 0.2, 2.5 * part, 0.0))
    deep = np.where(duration <= LONG_S, looped, LONG_S + (duration - LONG_S) * part**1.5)
    brief = enough * 0.97 * part**1.3
    seconds = np.where(long_view, deep, np.where(click, brief, 0.0)).astype(np.float32)
    return seconds.astype(np.float64)
