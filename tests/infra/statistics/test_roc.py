"""AUC by hand, and how well one column alone tells a label."""

import numpy as np
import pytest

from infra.statistics.roc import auc, telling, told_by_nulls

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
    assert least <= telling(LABEL, column) <= most


def test_nulls_tell_the_label_only_where_they_do():
    assert told_by_nulls(LABEL, np.where(LABEL, np.nan, 1.0)) == 1.0
    assert told_by_nulls(LABEL, np.where(RNG.random(20_000) < 0.4, np.nan, 1.0)) < 0.53
