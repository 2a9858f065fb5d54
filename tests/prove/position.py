"""Training with the place as a feature against training without it, judged by the truth, where places decide much.

Where logged pages are ordered by popularity that says nothing of what pleases, a model that does not know places
learns that popular videos please: they are looked at. One that learns from the place, and is asked for the first place
of every video (as serving does), can tell the two apart. Where pages are ordered by a good task, or by lot, there is
less to mistake, and it must not be worse.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from infra.arrays import Float32s, Float64s
from infra.statistics import Interval, interval
from orchestration.sources.simulator import Scale, World
from orchestration.sources.simulator.truth import pair
from tests.prove.simulated_pages import Items
from training.contenders import Boosted, Examples
from training.systems.home_feed import CONTENDERS

SCALE = Scale(users=1_500, videos=4_000, days=3, impressions=30_000, creators=150, categories=12, regions=3)
LOGGED, CHOSEN_FROM = 20, 60
CHANCE = 0.5  # the spread of what is random in every logged order, beside a spread of 1 of what it follows
NAMES = ("taste", "length", "fresh", "quality", "bait", "foreign", "popularity", "position")
ORDERS: Mapping[str, tuple[str, ...]] = {
    "popularity": ("popularity",), "a good ranking": ("taste", "length"), "lot": ()
}  # fmt: skip
(MODEL,) = (contender for contender in CONTENDERS if isinstance(contender, Boosted))


@dataclass(frozen=True, slots=True)
class Ranked:
    """True mean gain of a place by each way of training, and the difference, with an interval over users."""

    order: str
    steep: float
    naive: float
    debiased: float
    more: Interval


def compared(by: str, steep: float, pages: int, judged: int, seed: int = 1) -> Ranked:
    """Train both on the same logged pages, then let both order the same other pages."""
    world = World.make(Scale(**{**{name: getattr(SCALE, name) for name in SCALE.__slots__}, "steep": steep}))
    logged = Items.drawn(world, pages, LOGGED, seed)
    columns = features(logged, seed)
    order = np.argsort(-_logged_order(by, columns, seed).reshape(logged.what.shape), axis=1)
    labels = (logged.shown(order, LOGGED).gains(seed) > 0).ravel().astype(np.float32)
    matrix = columns[(np.arange(pages)[:, None] * LOGGED + order).ravel()]
    matrix[:, -1] = np.tile(np.arange(1, LOGGED + 1), pages)
    others = Items.drawn(world, judged, CHOSEN_FROM, seed + 1)
    asked = features(others, seed)
    worth = []
    for names in (NAMES[:-1], NAMES):
        fit, tune = (
            Examples(np.ascontiguousarray(matrix[rows, : len(names)]), labels[rows], names)
            for rows in (slice(0, pages * LOGGED * 4 // 5), slice(pages * LOGGED * 4 // 5, None))
        )
        scores = MODEL.fit(fit, tune, seed).scores(np.ascontiguousarray(asked[:, : len(names)]))
        best = np.argsort(-scores.reshape(others.what.shape), axis=1, kind="stable")
        worth.append(others.shown(best, LOGGED).expected().mean(axis=1))
    naive, debiased = worth
    return Ranked(by, steep, naive.mean(), debiased.mean(), interval(debiased - naive, seed, others.who))


def _logged_order(by: str, columns: Float32s, seed: int) -> Float64s:
    """(rows,) by what logged pages were ordered."""
    parts = [columns[:, NAMES.index(name)] for name in ORDERS[by]]
    by_chance = CHANCE * np.random.default_rng(seed).normal(size=len(columns))
    score: Float64s = sum(((part - part.mean()) / part.std() for part in parts), by_chance)
    return score


def features(items: Items, seed: int) -> Float32s:
    """(rows, NAMES) what a platform may know of users and videos, blurred; the place is the first, as when serving."""
    who, what, at, device = items.flat()
    fit, rng = pair(items.world.platform, who, what, at, device), np.random.default_rng(seed + 100)
    known = [getattr(fit, name) for name in NAMES[:-2]]
    spread = [0.3 * column.std() * rng.normal(size=len(column)) for column in known]
    popularity: Float64s = np.random.default_rng(7).normal(size=len(items.world.platform.videos.born))
    columns = [*(column + noise for column, noise in zip(known, spread, strict=True)), popularity[what]]
    return np.column_stack([*columns, np.ones(len(what))]).astype(np.float32)
