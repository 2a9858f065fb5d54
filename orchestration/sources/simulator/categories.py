"""Topics of the platform: how fast they age, how long their videos are, whom they please."""

from dataclasses import dataclass

import numpy as np

from infra.arrays import Float64s
from orchestration.sources.kit import generator

INTERESTS = 8
HOUR = 3600.0

# name, hours until freshness is down to 1/e, median hours of life, median seconds, how little language matters, supply
TRAITS = (
    ("news", 7, 40, 45, 0.0, 1.4),
    ("sports", 14, 60, 40, 0.3, 1.3),
    ("music", 700, 400, 150, 0.7, 1.2),
    ("comedy", 120, 140, 20, 0.1, 1.6),
    ("gaming", 150, 160, 120, 0.4, 1.3),
    ("beauty", 200, 160, 30, 0.5, 1.0),
    ("cooking", 500, 260, 60, 0.5, 1.0),
    ("travel", 400, 220, 55, 0.4, 0.8),
    ("science", 600, 300, 200, 0.0, 0.6),
    ("politics", 10, 48, 60, 0.0, 0.9),
    ("animals", 300, 200, 15, 0.6, 1.1),
    ("cars", 250, 180, 90, 0.4, 0.6),
    ("fashion", 90, 120, 25, 0.4, 0.8),
    ("fitness", 350, 220, 40, 0.4, 0.7),
    ("films", 120, 150, 180, 0.2, 0.9),
    ("finance", 30, 90, 100, 0.0, 0.5),
    ("crafts", 500, 260, 75, 0.5, 0.6),
    ("dance", 200, 160, 16, 0.6, 1.0),
    ("parenting", 300, 200, 65, 0.1, 0.5),
    ("memes", 24, 70, 9, 0.3, 1.4),
)


@dataclass(frozen=True, slots=True)
class Categories:
    """The topics; every array has one entry, or one row, a topic.

    interests  (topics, interests) how much of each latent interest a topic serves, its strongest being 1
    fresh_s    seconds until freshness has fallen to 1/e
    life_s     median seconds a video stays up
    length     log of the median length in seconds
    wordless   how little the language matters, 0 to 1
    supply     share of uploads
    """

    names: tuple[str, ...]
    interests: Float64s
    fresh_s: Float64s
    life_s: Float64s
    length: Float64s
    wordless: Float64s
    supply: Float64s


def make_categories(count: int, seed: int) -> Categories:
    """The first `count` topics; beyond the twenty named ones they repeat with new names and new interests."""
    traits = [TRAITS[i % len(TRAITS)] for i in range(count)]
    names = tuple(t[0] if i < len(TRAITS) else f"{t[0]}_{i // len(TRAITS) + 1}" for i, t in enumerate(traits))
    table = np.array([t[1:] for t in traits], dtype=np.float64)
    mixed = generator(seed, "interests").dirichlet(np.full(INTERESTS, 0.12), count)
    mixed[np.arange(count), np.arange(count) % INTERESTS] += 0.7  # every interest has a topic
    return Categories(
        names=names,
        interests=mixed / mixed.max(axis=1, keepdims=True),
        fresh_s=table[:, 0] * HOUR,
        life_s=table[:, 1] * HOUR,
        length=np.log(table[:, 2]),
        wordless=table[:, 3],
        supply=table[:, 4] / table[:, 4].sum(),
    )
