"""Bounds that may be looked at as often as one likes: they err as seldom as promised, and see what is there."""

import math

import numpy as np
import pytest

from infra.statistics import Interval, always_below, always_valid, smallest_effect_seen


def paths(runs: int, looks: int, effect: float = 0.0, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """(runs, looks) estimates of a mean after each observation, and (looks,) their standard errors."""
    seen = np.random.default_rng(seed).normal(effect, 1.0, (runs, looks)).cumsum(axis=1)
    count = np.arange(1, looks + 1)
    return seen / count, 1 / np.sqrt(count)


def ever_above_zero(means: np.ndarray, errors: np.ndarray, tuned_to: float, miss: float) -> float:
    """The share of runs in which the bound is above 0 at any look."""
    reach = -np.array([always_below(0.0, error, tuned_to, miss) for error in errors])
    return float((means > reach).any(axis=1).mean())


def test_looking_after_each_of_two_thousand_rows_errs_no_more_often_than_promised() -> None:
    means, errors = paths(1_000, 2_000)
    assert ever_above_zero(means, errors, tuned_to=0.1, miss=0.05) <= 0.05
    fixed = (means > 1.645 * errors).any(axis=1).mean()
    assert fixed > 0.3, "an interval for one look is wrong in every third run"


def test_the_two_sided_interval_holds_at_every_look() -> None:
    means, errors = paths(1_000, 2_000, effect=0.2)
    reach = [always_valid(Interval(0.0, 0.0, 0.0, 1), error, 0.1, 0.05).high for error in errors]
    assert (np.abs(means - 0.2) > np.array(reach)).any(axis=1).mean() <= 0.05


def test_a_true_effect_is_seen_in_the_end() -> None:
    means, errors = paths(200, 2_000, effect=0.2)
    assert ever_above_zero(means, errors, tuned_to=0.1, miss=0.05) > 0.99
    smallest = smallest_effect_seen(errors[-1], tuned_to=0.1, miss=0.05)
    means, _ = paths(400, 2_000, effect=smallest)
    assert ever_above_zero(means, errors, tuned_to=0.1, miss=0.05) >= 0.8


@pytest.mark.parametrize(("estimate", "error"), [(math.nan, 1.0), (0.3, math.nan), (0.3, 0.0), (math.nan, math.nan)])
def test_where_nothing_is_known_nothing_is_bounded(estimate: float, error: float) -> None:
    assert always_below(estimate, error, 0.1, 0.05) == -math.inf
    around = always_valid(Interval(estimate, 0, 0, 3), error, 0.1, 0.05)
    assert (around.low, around.high) == (-math.inf, math.inf)
