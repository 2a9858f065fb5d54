"""Recall from labels that a lot gave: what it says, and how sure it may be."""

import numpy as np
import pytest
from scipy.stats import chi2

from infra.statistics import recall_by_lot


def test_what_the_lot_found_counts_for_all_that_it_stands_for() -> None:
    positive = [1, 1, 1, 0, 1, 0, 0]
    caught = [1, 1, 1, 1, 0, 0, 0]
    found = recall_by_lot(positive, caught, [1, 1, 1, 1, 10, 10, 10])
    assert found.mean == pytest.approx(3 / 13)
    assert found.groups == 4
    low, high = chi2.ppf(0.025, 2) / 2 * 10, chi2.ppf(0.975, 4) / 2 * 10  # of a count of one
    assert (found.low, found.high) == pytest.approx((3 / (3 + high), 3 / (3 + low)))


def test_a_lot_that_found_nothing_does_not_say_that_nothing_was_missed() -> None:
    found = recall_by_lot([1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 100, 100])
    assert found.mean == found.high == 1
    assert found.low == pytest.approx(2 / (2 + 100 * -np.log(0.025)))


def test_where_every_label_is_known_recall_is_a_number_without_an_interval() -> None:
    found = recall_by_lot([1, 1, 0, 1], [1, 1, 0, 0], np.ones(4))
    assert (found.low, found.mean, found.high) == pytest.approx((2 / 3, 2 / 3, 2 / 3))


def test_without_a_positive_row_there_is_no_recall() -> None:
    assert np.isnan([recall_by_lot([0, 0], [1, 0], [1, 50]).mean, recall_by_lot([], [], []).low]).all()


@pytest.mark.parametrize(("missed", "chances"), [(60, (0.02,)), (200, (0.01, 0.05)), (5, (0.1, 0.5)), (400, (0.05,))])
def test_the_interval_holds_the_truth_whatever_the_chances(missed: int, chances: tuple[float, ...]) -> None:
    rng, caught, held = np.random.default_rng(7), 100, []
    chance = np.resize(chances, missed)
    for _ in range(400):
        drawn = chance[rng.random(missed) < chance]
        weight = np.r_[np.ones(caught), 1 / drawn, 1 / np.array(chances)]  # and honest cases of each chance
        rows = len(weight)
        positive = np.arange(rows) < caught + len(drawn)
        found = recall_by_lot(positive, np.arange(rows) < caught, weight)
        held.append(found.low <= caught / (caught + missed) <= found.high)
    assert np.mean(held) >= 0.94
