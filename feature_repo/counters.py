"""Exponentially decayed counters: c(t) = Σ w · 2^(−(t − tᵢ) / half_life) over the events known at t."""

import numpy as np
from numpy.typing import NDArray

from infra.arrays import Float32s

Seconds = NDArray[np.float64]


def decay(counters: Float32s, published_at: Seconds, now: Seconds, half_lives: Seconds) -> Float32s:
    """Counters as they stand `now`: c · 2^(−(now − published_at) / half_life).

    counters      (rows | 1, counters) float32, as published
    published_at  (rows | 1,) seconds since the epoch; NaN where nothing was ever published
    now           (rows | 1,) seconds since the epoch
    half_lives    (counters,) seconds
    Rows never published are zero: nothing was counted. A state from the future is not decayed.
    """
    distinct, place = np.unique(half_lives, return_inverse=True)
    factors = np.exp2(-np.maximum(now - published_at, 0.0) / distinct[:, None]).astype(np.float32)
    decayed: Float32s = counters.T * factors.take(place, axis=0)
    np.copyto(decayed, 0, where=np.isnan(decayed))
    return decayed.T


def carry(sums: Seconds, times: Seconds, starts: NDArray[np.int64], half_lives: Seconds) -> Seconds:
    """Running states of many entities at once: row i holds the sums of its entity up to its time.

    sums        (counters, rows) what each row adds, decayed to the row's own time
    times       (rows,) seconds, ascending within an entity
    starts      (rows,) index of the first row of the row's entity; an entity's rows are adjacent
    half_lives  (counters,) seconds

    After step k a row holds the sums of its last 2^k rows, so that log2(longest history) passes are enough. Every
    factor is at most 1: nothing overflows, however long the history and short the half-life.
    """
    states = sums.copy()
    counters_of = {half_life: np.flatnonzero(half_lives == half_life) for half_life in np.unique(half_lives)}
    place = np.arange(len(times)) - starts
    step = 1
    rows = np.flatnonzero(place >= step)
    while rows.size:
        earlier = rows - step
        for half_life, counters in counters_of.items():
            faded = np.exp2((times[earlier] - times[rows]) / half_life)
            for counter in counters:
                states[counter, rows] += states[counter, earlier] * faded
        step *= 2
        rows = rows[place[rows] >= step]
    return states
