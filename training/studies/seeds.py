"""Seed noise: how far a contender's figures move with the seed alone, beside what it gains over the others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.contenders import Contender, FittedColumn
from training.fitting import best_column_of
from training.measuring import MeasureValue, difference
from training.studies.refits import Refits, written
from validation.definition import BEST_COLUMN

SEEDS = 5


@dataclass(frozen=True, slots=True)
class SeedStudy:
    """One contender fitted with several seeds, all else the same.

    by_seed  measure → (seeds,) its values
    gains    other contender → what the contender gains over it in the deciding measure, with the first seed
    """

    contender: str
    decides_by: str
    by_seed: Mapping[str, tuple[float, ...]]
    gains: Mapping[str, MeasureValue]

    @property
    def noise(self) -> float:
        """Standard deviation of the deciding measure between seeds."""
        return spread(self.by_seed[self.decides_by])

    def spreads(self) -> dict[str, float]:
        """Standard deviation of each measure between seeds."""
        return {name: spread(values) for name, values in self.by_seed.items()}

    def rows(self) -> Iterator[list[str]]:
        """Measure, mean, standard deviation between seeds, smallest and largest."""
        for name, values in self.by_seed.items():
            yield [name, f"{np.mean(values):.4f}", f"{spread(values):.4f}", f"{min(values):.4f} to {max(values):.4f}"]

    def gain_rows(self) -> Iterator[list[str]]:
        """Other contender, gain with its interval, the gain in standard deviations between seeds."""
        for name, gain in self.gains.items():
            times = f"{gain.value / self.noise:+.1f}" if self.noise else "–"
            yield [name, written(gain), f"{self.noise:.4f}", times]


def seed_noise(refits: Refits, contender: Contender, seeds: int = SEEDS, live: Path | None = None) -> SeedStudy:
    """Fit a contender with so many seeds, every other one with the first, and judge all on the same draws.

    live  the folder of the live release, over which there is a gain as well
    """
    task = refits.task
    models = [refits.fitted(contender, task.seed + number) for number in range(seeds)]
    measures = [refits.measured(model) for model in models]
    by_seed = {name: tuple(m[name].value for m in measures) for name in (task.decides_by, "gauc", "auc")}
    others = {c.name: refits.fitted(c) for c in task.contenders if c.name != contender.name}
    best: FittedColumn = best_column_of(refits.dataset, task, task.target, refits.rows["tune"])
    own = measures[0][task.decides_by]
    gains = {name: difference(own, refits.decided(model)) for name, model in {**others, BEST_COLUMN: best}.items()}
    of_live = refits.of_release(live) if live else None
    if of_live is not None:
        gains["the live release"] = difference(own, of_live)
    return SeedStudy(contender.name, task.decides_by, by_seed, gains)


def spread(values: tuple[float, ...]) -> float:
    """Standard deviation of a sample."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
