"""AUC by hand, and how well one column alone tells a label."""

import numpy as np
import pytest
from scipy.stats import rankdata

from infra.statistics import roc
from infra.statistics.roc import auc, label_auc_of_column, label_auc_of_nulls, weighted_auc

RNG = np.random.default_rng(5)
LABEL = RNG.random(20_000) < 0.3


@pytest.mark.parametrize(
    ("label", "score", "area"),
    [
        ([0, 1], [1, 2], 1.0),
        ([0, 1], [2, 1], 0.0),
        ([0, 1, 0, 1], [1, 1, 1, 1], 0.5),
        ([0, 0, 1, 1], [1, 3, 2, 4], 0.75),
        ([0, 1, 1], [2, 2, 3], 0.75),
        ([0, 3, 1], [0, 2, 1], 1.0),
    ],
)
def test_auc_by_hand(label, score, area):
    assert auc(label, score) == area


@pytest.mark.parametrize("label", [[], [0, 0], [1, 1]])
def test_auc_without_both_classes_is_not_a_number(label):
    assert np.isnan(auc(label, np.zeros(len(label))))


@pytest.mark.parametrize(
    ("column", "least", "most"),
    [
        (RNG.random(20_000), 0.5, 0.53),
        (LABEL + RNG.normal(0, 0.1, 20_000), 0.99, 1.0),
        (-1.0 * LABEL, 1.0, 1.0),
        (np.where(LABEL, RNG.choice([0.0, 2.0], 20_000), 1.0), 0.99, 1.0),
        (np.where(RNG.random(20_000) < 0.5, np.nan, LABEL * 1.0), 1.0, 1.0),
        (np.ones(20_000), 0.5, 0.5),
    ],
    ids=["noise", "the label and noise", "the label turned round", "not monotone", "half unknown", "a constant"],
)
def test_how_well_a_column_tells_the_label(column, least, most):
    assert least <= label_auc_of_column(LABEL, column) <= most


def test_nulls_tell_the_label_only_where_they_do():
    assert label_auc_of_nulls(LABEL, np.where(LABEL, np.nan, 1.0)) == 1.0
    assert label_auc_of_nulls(LABEL, np.where(RNG.random(20_000) < 0.4, np.nan, 1.0)) < 0.53


@pytest.mark.parametrize("values", [3, 100, 10_000_000], ids=["many ties", "some ties", "hardly a tie"])
def test_auc_is_exactly_the_one_read_from_ranks(values):
    for rows in (2, 3, 50, 5_000):
        label, score = RNG.random(rows) < 0.3, RNG.integers(0, values, rows) / 7
        both = 0 < label.sum() < rows
        assert auc(label, score) == by_ranks(label, score) if both else np.isnan(auc(label, score))


def test_drawing_the_owner_of_rows_twice_counts_them_twice():
    owner, label, score = RNG.integers(0, 30, 400), RNG.random(400) < 0.4, RNG.integers(0, 20, 400)
    weights = RNG.poisson(1.0, (5, 30)).astype(np.float32)
    for drawn, area in zip(weights, weighted_auc(owner, label, score)(weights), strict=True):
        times = drawn[owner].astype(int)
        assert area == auc(np.repeat(label, times), np.repeat(score, times))


def test_many_draws_of_many_rows_are_measured_in_parts_of_the_same_figures(monkeypatch):
    owner, label, score = RNG.integers(0, 30, 400), RNG.random(400) < 0.4, RNG.random(400)
    weights = RNG.poisson(1.0, (25, 30)).astype(np.float32)
    at_once = weighted_auc(owner, label, score)(weights)
    monkeypatch.setattr(roc, "AT_ONCE", 1_000)
    assert np.array_equal(weighted_auc(owner, label, score)(weights), at_once)


def by_ranks(label, score):
    """The area from the sum of the positive rows' mean ranks (Mann and Whitney)."""
    n, rows = int(label.sum()), len(label)
    return float((rankdata(score)[label].sum() - n * (n + 1) / 2) / (n * (rows - n)))
