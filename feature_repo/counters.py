"""Exponentially decayed counters: c(t) = Σ w · 2^(−(t − tᵢ) / half_life) over the events known at t."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Seconds = NDArray[np.float64]


def decay(counters: Floats, published_at: Seconds, now: Seconds, half_lives: Seconds) -> Floats:
    """Counters as they stand `now`: c · 2^(−(now − published_at) / half_life).

    counters      (rows, counters) float32, as published
    published_at  (rows,) seconds since the epoch; NaN where nothing was ever published
    now           (rows,) or (1,) seconds since the epoch
    half_lives    (counters,) seconds
    Rows never published are zero: nothing was counted. A state from the future is taken as it is.
    """
    age = np.maximum(np.nan_to_num(now - published_at, nan=0.0), 0.0)[:, None]
    known = np.nan_to_num(counters, nan=0.0)
    decayed: Floats = (known * np.exp2(-age / half_lives)).astype(np.float32)
    return decayed


def add(state: Seconds, state_at: float, weights: Seconds, times: Seconds, at: float, half_life: float) -> float:
    """One counter at `at`: the state decayed to it plus every contribution, whatever order they came in."""
    carried = float(np.sum(state * np.exp2(-(at - state_at) / half_life)))
    return carried + float(np.sum(weights * np.exp2(-(at - times) / half_life)))
