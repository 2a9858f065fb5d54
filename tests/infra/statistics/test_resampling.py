"""Intervals by resampling: the draws of a seed never change, because every recorded figure rests on them."""

import numpy as np
import pytest

from infra.statistics.resampling import (
    drawn_by_poisson,
    drawn_with_replacement,
    interval,
    percentiles,
    weighted_ratio,
)

RNG = np.random.default_rng(11)
VALUES = np.where(RNG.random(300) < 0.1, np.nan, RNG.normal(0.1, 1.0, 300))
USERS = RNG.integers(0, 40, 300)


@pytest.mark.parametrize("clusters", [None, USERS], ids=["each by itself", "by user"])
@pytest.mark.parametrize("seed", [0, 20_260_501])
def test_an_interval_is_that_of_means_of_clusters_drawn_with_replacement(clusters, seed):
    found = interval(VALUES, seed, clusters, draws=200, confidence=0.9)
    known = np.flatnonzero(np.isfinite(VALUES))
    members = [known[[i]] for i in range(len(known))]
    if clusters is not None:
        members = [known[clusters[known] == user] for user in np.unique(clusters[known])]
    rng, means = np.random.default_rng(seed), []
    for _ in range(200):
        drawn = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        means.append(VALUES[drawn].mean())
    low, high = np.quantile(means, [0.05, 0.95])
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)
    assert (found.mean, found.groups) == (VALUES[known].mean(), len(known))


def test_the_figures_of_a_seed_are_those_of_the_formula_they_were_recorded_with():
    rng, sums, counts = np.random.default_rng(3), RNG.normal(size=50), RNG.integers(1, 9, 50)
    for drawn in drawn_with_replacement(50, 100, 3):
        weights = np.bincount(rng.integers(0, len(sums), len(sums)), minlength=len(sums))
        assert float(weighted_ratio(drawn, sums, counts)) == float((weights @ sums) / (weights @ counts))
    recorded = np.random.default_rng(7).poisson(1.0, (20, 50)).astype(np.float32)
    assert np.array_equal(drawn_by_poisson(50, 20, 7), recorded)
    assert drawn_by_poisson(50, 20, 7).dtype == np.float32
    samples = np.r_[RNG.normal(size=99), np.nan]
    assert percentiles(samples, 0.025, 0.975) == tuple(np.quantile(samples[:-1], [0.025, 0.975]))


def test_what_was_measured_on_no_draw_has_no_interval():
    assert np.isnan(percentiles([np.nan, np.nan], 0.1, 0.9)).all()
    assert np.isnan(interval(np.array([0.5]), 0).low), "one cluster says nothing about others"
    assert np.isnan(interval(np.array([0.5, 0.7]), 0, np.array([1, 1])).low)


def test_the_interval_of_many_clusters_is_narrower_than_that_of_few():
    few, many = (interval(RNG.normal(size=n), 1) for n in (20, 2_000))
    assert many.high - many.low < (few.high - few.low) / 3
