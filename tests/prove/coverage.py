"""How often the interval of an off-policy estimate holds the true value of a task, where the truth is known."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from infra.arrays import Float64s
from orchestration.sources.simulator import Scale, World
from orchestration.sources.simulator.truth import odds, pair
from tests.prove.simulated_pages import Items
from training.measuring import place_decisions, policy_value

SCALE = Scale(users=800, videos=3_000, days=3, impressions=30_000, creators=120, categories=12, regions=3)
PLACES = 10
NOISE: Mapping[str, float] = {"a good ranking": 0.5, "a mediocre one": 2.0, "one that knows nothing": 50.0}
ESTIMATES = ("ips", "snips", "doubly_robust")


@dataclass(frozen=True, slots=True)
class Covered:
    """Of one ranking and estimate: the truth, the mean of the estimates, and how often the interval held the truth."""

    task: str
    estimate: str
    truth: float
    mean: float
    width: float
    share: float
    effective: float


def scores(items: Items, noise: float, seed: int) -> Float64s:
    """(pages, items) the log odds of a long view, with noise that is always the same for a user and a video."""
    who, what, at, device = items.flat()
    chance = odds(pair(items.world.platform, who, what, at, device))
    true = np.log(chance.click * chance.long_view / (1 - chance.click * chance.long_view))
    key = np.random.default_rng(seed).normal(size=1 << 16)
    blurred: Float64s = (true + noise * key[(who * 7919 + what * 104_729) % len(key)]).reshape(items.what.shape)
    return blurred


def covered(repetitions: int, pages: int, truth_pages: int, seed: int = 1, draws: int = 300) -> list[Covered]:
    """Every repetition shows other pages in random order, and values each ranking by them alone."""
    world = World.make(SCALE)
    many = Items.drawn(world, truth_pages, PLACES, seed)
    truth = {name: _worth(many, scores(many, noise, 5)) for name, noise in NOISE.items()}
    values: dict[tuple[str, str], list[tuple[float, float, float, float]]] = {}
    for repetition in range(repetitions):
        own = seed + 1 + repetition
        items = Items.drawn(world, pages, PLACES, own)
        order = np.argsort(np.random.default_rng(own).random(items.what.shape), axis=1)
        gains = items.shown(order, PLACES).gains(own)
        page, user = np.repeat(np.arange(pages), PLACES), np.repeat(items.who, PLACES)
        position = np.tile(np.arange(1.0, PLACES + 1), pages)
        guess = 1 / (1 + np.exp(-np.take_along_axis(scores(items, 1.0, 6), order, axis=1).ravel()))
        for name, noise in NOISE.items():
            by = np.take_along_axis(scores(items, noise, 5), order, axis=1).ravel()
            logged = place_decisions(page, position, by, gains.ravel(), user, lambda at, g=guess: g * at**-0.2)
            value = policy_value(logged, own, draws)
            for estimate in ESTIMATES:
                seen = getattr(value, estimate)
                values.setdefault((name, estimate), []).append((seen.mean, seen.low, seen.high, value.effective))
    return [_covered(name, estimate, truth[name], np.array(seen)) for (name, estimate), seen in values.items()]


def _worth(items: Items, by: Float64s) -> float:
    """The true mean gain of a place when pages are ordered by these scores."""
    return float(items.shown(np.argsort(-by, axis=1), PLACES).expected().mean())


def _covered(task: str, estimate: str, truth: float, seen: Float64s) -> Covered:
    mean, low, high, effective = seen.T
    held = (low <= truth) & (truth <= high)
    return Covered(task, estimate, truth, mean.mean(), (high - low).mean() / 2, held.mean(), effective.mean())
