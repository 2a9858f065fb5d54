"""Ratios of two variants: askers are the units, what they did before is taken off, luck of a few is not believed."""

import math
from dataclasses import replace

import numpy as np
import pytest

from infra.statistics import Totals, compare


def askers(rng: np.random.Generator, count: int, lift: float = 0.0, unequal: float = 1.0) -> Totals:
    """Askers with habits of their own, who come unequally often, and the same of the week before."""
    rate, often = rng.beta(2, 8, count), rng.lognormal(2.0, unequal, count)
    below, before = rng.poisson(often) + 1.0, rng.poisson(often) + 1.0
    above = rng.binomial(below.astype(int), np.minimum(rate * (1 + lift), 1)).astype(float)
    return Totals(above, below, rng.binomial(before.astype(int), rate).astype(float), before)


def plain(totals: Totals) -> Totals:
    return replace(totals, above_before=None, below_before=None)


@pytest.mark.parametrize("relative", [True, False])
def test_the_error_is_that_of_the_estimates_over_many_trials(relative: bool) -> None:
    rng = np.random.default_rng(2)
    differences = [compare(askers(rng, 300), askers(rng, 900), relative=relative) for _ in range(400)]
    values = np.array([each.value for each in differences])
    assert values.std() == pytest.approx(np.mean([each.error for each in differences]), rel=0.15)
    assert abs(values.mean()) < 3 * values.std() / 20


def test_rows_counted_as_independent_would_be_far_too_sure() -> None:
    rng = np.random.default_rng(2)
    trial, control = plain(askers(rng, 300)), plain(askers(rng, 900))
    rows, rate = trial.below.sum(), trial.ratio
    assert compare(trial, control, relative=False).error > 1.5 * math.sqrt(rate * (1 - rate) / rows)


def test_what_askers_did_before_makes_the_interval_narrower_and_moves_no_estimate_on_average() -> None:
    rng = np.random.default_rng(4)
    with_before = [compare(askers(rng, 300, 0.1), askers(rng, 900), relative=True) for _ in range(200)]
    assert np.mean([each.reduced for each in with_before]) > 0.25
    assert np.mean([each.value for each in with_before]) == pytest.approx(0.1, abs=0.02)


def test_before_without_anything_in_it_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    trial, control = askers(rng, 300), askers(rng, 900)
    nothing = [replace(t, above_before=0 * t.above, below_before=0 * t.below) for t in (trial, control)]
    assert compare(*nothing, relative=True) == compare(plain(trial), plain(control), relative=True)


@pytest.mark.parametrize("side", ["nobody", "one asker", "rows of nothing"])
def test_one_side_without_askers_is_not_compared(side: str) -> None:
    rng = np.random.default_rng(4)
    control = askers(rng, 50)
    few = {
        "nobody": Totals(np.empty(0), np.empty(0)),
        "one asker": Totals(np.ones(1), np.full(1, 3.0)),
        "rows of nothing": Totals(np.zeros(9), np.zeros(9)),
    }[side]
    assert math.isnan(compare(few, control, relative=False).value)
    assert math.isnan(compare(control, few, relative=True).value)


def test_no_event_on_either_side_is_no_certainty() -> None:
    nothing = Totals(np.zeros(50), np.full(50, 10.0))
    assert compare(nothing, nothing, relative=False).error >= 1 / 500
    assert math.isnan(compare(nothing, nothing, relative=True).value)


def test_a_few_without_any_event_are_not_taken_for_certain() -> None:
    rng = np.random.default_rng(4)
    control, unlucky = plain(askers(rng, 2_000)), Totals(np.zeros(5), np.full(5, 2.0))
    compared = compare(unlucky, control, relative=True)
    assert compared.value == -1
    assert compared.error > 0.4, "five askers with ten rows and no click are nothing special"
