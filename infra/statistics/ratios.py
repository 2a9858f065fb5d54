"""Two variants compared by a ratio, such as clicks an impression: askers are the independent units, not rows.

A ratio of sums is linear in them but for terms that vanish (the delta method: Deng, Knoblich and Lu 2018), so an asker
counts with (above − ratio · below) / mean below. What the same asker did before the trial explains a part of that,
which is taken off (CUPED: Deng, Xu, Kohavi and Walker 2013).
"""

import math
from dataclasses import dataclass

import numpy as np

from infra.arrays import Float64s


@dataclass(frozen=True, slots=True)
class Totals:
    """What the askers of one variant have; a ratio is Σ above / Σ below. The arrays are aligned, one entry an asker.

    above_before, below_before  the same of the time before the trial: 0 for whoever was not there, None: not looked at
    """

    above: Float64s
    below: Float64s
    above_before: Float64s | None = None
    below_before: Float64s | None = None

    @property
    def ratio(self) -> float:
        """Σ above / Σ below; NaN with nothing below."""
        below = float(self.below.sum())
        return float(self.above.sum()) / below if below > 0 else math.nan


@dataclass(frozen=True, slots=True)
class Difference:
    """One variant's ratio less another's, as a number or as a part of the other's, and its standard error.

    reduced  the share of the variance that the time before the trial explained
    """

    value: float
    error: float
    units: int
    reduced: float = 0.0


NOT_COMPARED = Difference(math.nan, math.nan, 0)


def compare(trial: Totals, control: Totals, *, relative: bool) -> Difference:
    """The difference of two ratios, adjusted by the time before; nothing is known with fewer than two askers on a side.

    The trial's spread counts for at least the control's: a small variant that had luck seems to vary less than it
    does. And an error is never below that of one event, however many rows had none.
    """
    rate, base = trial.ratio, control.ratio
    if min(_askers(trial), _askers(control)) < 2 or not math.isfinite(rate + base) or (relative and base <= 0):
        return NOT_COMPARED
    scale = base if relative else 1.0
    times = rate / base if relative else 1.0
    here, there = (_influence(t.above, t.below, t.ratio) / scale for t in (trial, control))
    plain, explained, value = _variance(here, there, times), 0.0, (rate - base) / scale
    before = _before(trial, control)
    if before is not None and plain > 0:
        here, there, taken_off = _adjusted(here, there, *before)
        value, explained = value - taken_off, 1 - _variance(here, there, times) / plain
    one_event = 1 / (min(float(trial.below.sum()), float(control.below.sum())) * scale)
    error = max(math.sqrt(plain * (1 - explained)), one_event)
    return Difference(value, error, len(here) + len(there), explained)


def _askers(totals: Totals) -> int:
    return int((totals.below > 0).sum())


def _influence(above: Float64s, below: Float64s, ratio: float) -> Float64s:
    """(askers,) what each adds to the ratio, with mean 0."""
    return np.asarray((above - ratio * below) / below.mean())


def _variance(here: Float64s, there: Float64s, times: float) -> float:
    """The variance of the difference of two means, the second so many times as large."""
    spread, other = float(here.var(ddof=1)), float(there.var(ddof=1))
    return max(spread, other) / len(here) + times**2 * other / len(there)


def _before(trial: Totals, control: Totals) -> tuple[Float64s, Float64s] | None:
    """What each asker added before the trial, around one ratio for both variants; None where nothing is known."""
    sides = (trial, control)
    if any(t.above_before is None or t.below_before is None for t in sides):
        return None
    above, below = (np.concatenate([getattr(t, name) for t in sides]) for name in ("above_before", "below_before"))
    if below.sum() <= 0 or above.sum() <= 0:
        return None
    added = _influence(above, below, float(above.sum() / below.sum()))
    return added[: len(trial.above)], added[len(trial.above) :]


def _adjusted(
    here: Float64s, there: Float64s, here_before: Float64s, there_before: Float64s
) -> tuple[Float64s, Float64s, float]:
    """Both sides less what the time before explains, by one slope for both, and what that takes off the difference."""
    mean, other = float(here_before.mean()), float(there_before.mean())
    before = np.concatenate([here_before - mean, there_before - other])
    spread = float(before @ before)
    if spread <= 0:
        return here, there, 0.0
    slope = float(np.concatenate([here, there]) @ before) / spread
    return here - slope * (here_before - mean), there - slope * (there_before - other), slope * (mean - other)
