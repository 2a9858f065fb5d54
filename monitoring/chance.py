"""What chance alone does to a PSI, where the rows of one user are alike: users are drawn again, each with all rows."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from infra.arrays import AnyArray
from infra.statistics import Weights, drawn_by_poisson

FLOOR = 1e-4  # stands in for an empty bin: ln 0 is no number, and one row in ten thousand is near enough to none
DRAWS = 2_000
MOST_UNITS = 500  # of more users some are drawn together: the spread of a draw stays what it was
SEED = 20_260_501  # a constant, so that the same window always gets the same finding


def psi(reference: NDArray[np.float64], now: NDArray[np.float64]) -> NDArray[np.float64]:
    """Σ (now − reference) · ln(now / reference) over the last axis; both are shares of bins that sum to 1."""
    before, after = np.maximum(reference, FLOOR), np.maximum(now, FLOOR)
    return np.asarray(((after - before) * np.log(after / before)).sum(axis=-1))


class Users:
    """The users of a window, to be drawn again and again; the same draws for every column.

    codes  (rows,) whose each row is, from 0      before  how many users the reference has, 0 where nobody counted
    """

    def __init__(self, codes: AnyArray, before: int) -> None:
        self.count = int(codes.max(initial=-1)) + 1
        self._before = before or self.count
        self._units = min(self.count, MOST_UNITS)
        self._unit = (np.random.default_rng(SEED).permutation(self.count) % max(self._units, 1))[codes]

    def largest_by_chance(self, shares: NDArray[np.float64], places: AnyArray, exceeded: float) -> float:
        """The PSI that a window like this one exceeds with so small a probability when nothing has changed.

        Around the reference's shares lie two errors: that of the window, whose users are others every time, and that
        of the reference, which is as large for a user and smaller by as many more users as it has.

        places  (rows,) the bin of each row in which the reference has these `shares`
        """
        rows = np.bincount(self._unit * len(shares) + places, minlength=self._units * len(shares))
        table = rows.reshape(self._units, len(shares)).astype(np.float32)
        now = table.sum(axis=0) / len(places)
        window, reference = (
            weights @ table / (weights @ table.sum(axis=1))[:, None] - now for weights in _draws(self._units)
        )
        error = window + np.sqrt(self.count / self._before) * reference
        few = np.sqrt(self._units / max(self._units - 1, 1))  # a sample's own spread is that much too small
        null = np.maximum(shares + few * error, 0.0)
        return _exceeded(psi(shares, null / null.sum(axis=1, keepdims=True)), exceeded)


def _exceeded(drawn: NDArray[np.float64], probability: float) -> float:
    """What is exceeded with a probability; one too small for so many draws is read from the gamma law that fits them.

    A PSI is a weighted sum of squares, for which that law is the usual one.
    """
    if probability * len(drawn) >= 1:
        return float(np.quantile(drawn, 1 - probability))
    from scipy.stats import gamma

    mean, variance = float(drawn.mean()), float(drawn.var())
    if not mean or not variance:
        return float(drawn.max())
    return max(float(drawn.max()), float(gamma.isf(probability, mean**2 / variance, scale=variance / mean)))


def _draws(units: int) -> tuple[Weights, Weights]:
    """(draws, units) twice: how often each is drawn for the window, and for the reference."""
    window, reference = _all_draws()
    return window[:, :units], reference[:, :units]


@lru_cache(maxsize=1)
def _all_draws() -> tuple[Weights, Weights]:
    """The draws of as many units as there ever are; slices of few users take the first of them."""
    return drawn_by_poisson(MOST_UNITS, DRAWS, SEED), drawn_by_poisson(MOST_UNITS, DRAWS, SEED + 1)
