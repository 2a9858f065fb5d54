"""What is true of a user and a video at a moment: the chances of every action, before anyone has acted.

The shapes are the field's: interest as a product of latent tastes (Koren, Bell and Volinsky 2009), freshness that
decays by topic, a preferred length that depends on device and hour, covers that promise too much (click without
satisfaction: Yi et al. 2014), quality that only speaks to those who care for the topic.
"""

from dataclasses import dataclass

import numpy as np

from infra.arrays import Bools, Float64s, Int64s
from orchestration.sources.kit import uniform
from orchestration.sources.simulator.catalogue import Videos
from orchestration.sources.simulator.categories import Categories
from orchestration.sources.simulator.people import PHONE, TV, Users
from orchestration.sources.simulator.scale import DAY

ON_DEVICE = np.array([0.0, 0.6, 2.1, 0.9])  # log of the preferred length, relative to the phone
WIDTH = np.array([0.55, 0.60, 0.70, 0.60])  # how far from it a length may be, in the same unit
FANS = 0.04  # share of (user, creator) pairs where one adores the other


@dataclass(frozen=True, slots=True)
class Platform:
    """Everything that exists: topics, users, videos, and the seed they came from; `steep` as in Scale."""

    seed: int
    categories: Categories
    users: Users
    videos: Videos
    steep: float = 1.0

    def may_show(self, who: Int64s, what: Int64s, at: Float64s | np.float64) -> Bools:
        """Whether each video exists at that moment and may be shown to the user (the arguments broadcast)."""
        live = (self.videos.born[what] <= at) & (at < self.videos.gone[what])
        old_enough = self.videos.rating[what] <= self.users.may_see(who)
        allowed: Bools = live & old_enough & self.videos.allowed[what, self.users.region[who]]
        return allowed


@dataclass(frozen=True, slots=True)
class Pair:
    """How well each (user, video, moment, device) fits, every part in 0 to 1 and aligned by row."""

    taste: Float64s
    length: Float64s
    fresh: Float64s
    quality: Float64s
    bait: Float64s
    fan: Float64s
    foreign: Float64s
    heavy: Float64s


@dataclass(frozen=True, slots=True)
class Odds:
    """Chances once a video is looked at: click; long view if clicked; praise after a long view, rejection without."""

    click: Float64s
    long_view: Float64s
    like: Float64s
    comment: Float64s
    share: Float64s
    follow: Float64s
    hide: Float64s
    report: Float64s

    def utility(self) -> Float64s:
        """Expected grade: 1 for a long view, 2 with like or comment, 3 with share or follow, −1 for hide or report."""
        liked = 1 - (1 - self.like) * (1 - self.comment)
        spread = 1 - (1 - self.share) * (1 - self.follow)
        watched = self.click * self.long_view
        rejected = 1 - (1 - self.hide) * (1 - self.report)
        return watched * (1 + liked * (1 - spread) + 2 * spread) - (1 - watched) * rejected


def hour_of(users: Users, who: Int64s, at: Float64s) -> Float64s:
    """Local hour of the day: neighbouring regions lie up to two hours apart."""
    return (at / 3600 + users.region[who] % 3) % 24


def pair(platform: Platform, who: Int64s, what: Int64s, at: Float64s, device: Int64s) -> Pair:
    """How well users and videos fit at a moment on a device; all arrays have one entry a row."""
    users, videos, topics = platform.users, platform.videos, platform.categories
    topic = videos.category[what]
    age = np.maximum(at - videos.born[what], 0.0)
    creator = videos.creator[what]
    foreign = users.language[who] != videos.language[what]
    new = at - users.signup_at[who] < 5 * DAY
    return Pair(
        taste=np.einsum("rk,rk->r", users.taste(who, at), topics.interests[topic]),
        length=_length_fit(users, who, np.log(videos.duration[what]), hour_of(users, who, at), device),
        fresh=np.exp(-age / topics.fresh_s[topic]),
        quality=videos.quality[what],
        bait=videos.bait[what],
        fan=(uniform(platform.seed, "fans", who, creator) < FANS).astype(np.float64),
        foreign=foreign * (1 - topics.wordless[topic]),
        heavy=np.where(new, 0.0, users.heavy[who]),
    )


def odds(fit: Pair, tired: Float64s | float = 0.0) -> Odds:
    """Chances of every action; `tired` is what the session so far takes away (in log odds)."""
    cares = _logistic((fit.taste + 0.5 * fit.fan - 0.06 - 0.20 * fit.heavy) / 0.045)
    click = _logistic(
        -1.1
        + 3.0 * cares
        + 1.8 * fit.length
        + 0.8 * fit.fresh * (0.2 + cares)
        + 2.0 * fit.bait
        + 0.5 * fit.quality
        - 1.5 * fit.foreign
        - tired
    )
    interest = cares * fit.length
    long_view = _logistic(
        -3.8
        + 2.8 * cares
        + 4.7 * fit.length
        + 4.0 * interest * (fit.quality - 0.25)
        + 2.4 * interest * fit.fresh
        + 0.6 * fit.fresh
        + 1.0 * fit.fan
        - 3.5 * fit.bait
        - 2.4 * fit.foreign
        - 0.6 * tired
    )
    delight = fit.quality * (0.3 + 0.7 * cares) * (1 + 2 * fit.fan)
    annoyed = (1 - cares) * (0.3 + fit.foreign + 2.0 * fit.bait)
    return Odds(
        click=click,
        long_view=long_view,
        like=np.minimum(0.32 * delight, 0.9),
        comment=0.05 * delight,
        share=0.07 * delight,
        follow=0.03 * delight * (1 + 3 * fit.fan),
        hide=np.minimum(0.025 * annoyed, 0.5),
        report=0.003 * annoyed,
    )


def _length_fit(users: Users, who: Int64s, log_length: Float64s, hour: Float64s, device: Int64s) -> Float64s:
    """A hump around the preferred length: shorter on the way to work, longer in the evening, longest on television."""
    evening = np.exp(-(((hour - 21 + 12) % 24 - 12) ** 2) / 8)
    commute = np.exp(-((hour - 8) ** 2) / 4) * (device == PHONE)
    preferred = users.length[who] + ON_DEVICE[device] + 0.8 * evening * (device != TV) - 0.5 * commute
    fit: Float64s = np.exp(-0.5 * ((log_length - preferred) / WIDTH[device]) ** 2)
    return fit


def _logistic(x: Float64s) -> Float64s:
    chance: Float64s = 1.0 / (1.0 + np.exp(-x))
    return chance
