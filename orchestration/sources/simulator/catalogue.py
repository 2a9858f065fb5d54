"""Videos: born every minute, good or bad, known or not, and gone again."""

from dataclasses import dataclass, replace

import numpy as np

from infra.arrays import Bools, Float64s, Int64s
from orchestration.sources.kit import generator, uniform
from orchestration.sources.simulator.categories import Categories
from orchestration.sources.simulator.people import LANGUAGES
from orchestration.sources.simulator.scale import DAY, Scale, Shift

OLDER = 0.18  # share of videos already there at the start
OLDER_DAYS = 12.0
RATED = np.cumsum([0.93, 0.03, 0.03])  # shares of videos rated for 0, 13 and 16; the others are for 18


@dataclass(frozen=True, slots=True)
class Videos:
    """All videos in order of birth; every array has one entry, or one row, a video. Times are seconds since the epoch.

    born, gone   it may be shown in [born, gone)
    duration     true length in seconds (float32, as the catalogue sends it)
    unknown      the catalogue does not send its length
    allowed      (videos, regions) where it may be shown
    quality      0 to 1: how well it is made; creators have a level of their own
    bait         0 to 1: how much more its cover promises than it holds
    rating       the age from which it may be shown, as a place in validation.systems.home_feed.AGES
    """

    creator: Int64s
    category: Int64s
    language: Int64s
    born: Float64s
    gone: Float64s
    duration: Float64s
    unknown: Bools
    allowed: Bools
    quality: Float64s
    bait: Float64s
    rating: Int64s

    def live(self, at: float) -> Int64s:
        """The videos that exist at a moment, in order of birth."""
        return np.flatnonzero((self.born <= at) & (at < self.gone))


def make_videos(scale: Scale, categories: Categories) -> Videos:
    """All videos of a world: those already there, those born while it runs, and those planned for the days ahead."""
    draw = generator(scale.seed, "videos")
    born = _births(scale, draw)
    n = len(born)
    level, trick, home = _creators(scale, categories)
    weight = 1.0 / np.arange(1, scale.creators + 1) ** 0.7  # uploads by creator follow a power law
    creator = draw.choice(scale.creators, n, p=weight / weight.sum())
    strays = draw.random(n) < 0.12
    category = np.where(strays, draw.choice(len(categories.names), n, p=categories.supply), home[creator])
    spoken = min(len(LANGUAGES), scale.regions)
    limited = draw.random(n) < 0.12
    allowed = ~limited[:, None] | (draw.random((n, scale.regions)) < 0.5)
    allowed[np.arange(n), draw.integers(0, scale.regions, n)] = True
    return Videos(
        creator=creator,
        category=category,
        language=np.where(draw.random(n) < 0.10, draw.integers(0, len(LANGUAGES), n), creator % spoken),
        born=born,
        gone=np.round(born + categories.life_s[category] * draw.lognormal(0.0, 0.6, n), 3),
        duration=_float32(np.clip(np.exp(draw.normal(categories.length[category], 0.75)), 4, 1800)),
        unknown=draw.random(n) < 0.02,
        allowed=allowed,
        quality=_squash(0.75 * level[creator] + 0.85 * draw.normal(size=n)),
        bait=np.where(draw.random(n) < trick[creator], draw.uniform(0.5, 1.0, n), 0.0),
        rating=np.searchsorted(RATED, uniform(scale.seed, "rating", np.arange(n)), side="right"),
    )


def shifted(videos: Videos, shift: Shift, seed: int) -> Videos:
    """The same videos, but those born from then on are longer or shorter, or their length is no longer sent."""
    later = videos.born >= shift.at
    lost = uniform(seed, "lost lengths", np.arange(len(later))) < shift.unknown_lengths
    duration = np.where(later, np.clip(videos.duration * shift.lengths, 3, 7200), videos.duration)
    return replace(videos, duration=_float32(duration), unknown=videos.unknown | (later & lost))


def _births(scale: Scale, draw: np.random.Generator) -> Float64s:
    older = round(scale.videos * OLDER)
    rate = (scale.videos - older) / scale.days
    early = draw.random(older) * -OLDER_DAYS
    count = round(rate * (scale.days + scale.ahead))
    late = (np.arange(count) + draw.random(count)) / rate
    return np.round(scale.begin + DAY * np.sort(np.concatenate([early, late])), 3)


def _creators(scale: Scale, categories: Categories) -> tuple[Float64s, Float64s, Int64s]:
    """Level, readiness to bait, and home topic of each creator."""
    draw = generator(scale.seed, "creators")
    home = draw.choice(len(categories.names), scale.creators, p=categories.supply)
    return draw.normal(size=scale.creators), draw.beta(0.25, 1.6, scale.creators), home


def _squash(x: Float64s) -> Float64s:
    return 1.0 / (1.0 + np.exp(-1.6 * x))


def _float32(x: Float64s) -> Float64s:
    return x.astype(np.float32).astype(np.float64)
