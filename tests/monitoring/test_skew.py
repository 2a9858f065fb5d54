"""Skew: served against recomputed features."""

import numpy as np
import pytest

from infra.errors import ReleaseMismatch
from monitoring import skew
from monitoring.definition import Watch

NAMES = ("speed", "weight")
WATCH = Watch(critical=(), min_skew_rows=1_000)


def rows(count: int = 2_000) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32)


def test_equal_features_are_equal_also_where_both_are_null() -> None:
    served = rows()
    served[::7, 1] = np.nan
    report = skew.measure(served, served * np.float32(1 + 1e-6), NAMES, WATCH)
    assert report.finding == "equal"
    assert report.skewed == ()


def test_a_feature_that_differs_in_one_row_of_a_hundred_is_skew_with_the_row_named() -> None:
    served = rows()
    recomputed = served.copy()
    recomputed[::100, 1] += 0.5
    recomputed[300, 1] += 4
    report = skew.measure(served, recomputed, NAMES, WATCH, rows=[f"request-{i}" for i in range(2_000)])
    assert report.finding == "skew"
    assert report.skewed == ("weight",)
    weight = report.worst_first()[0]
    assert weight.exact == pytest.approx(0.99)
    assert weight.worst[0].row == "request-300"
    assert "request-300" in report.markdown()


def test_a_feature_may_differ_in_fewer_than_one_row_of_a_thousand() -> None:
    served = rows(4_000)
    recomputed = served.copy()
    recomputed[:4, 0] += 1
    assert skew.measure(served, recomputed, NAMES, WATCH).finding == "equal"
    recomputed[4, 0] += 1
    assert skew.measure(served, recomputed, NAMES, WATCH).finding == "skew"


def test_null_against_a_number_is_skew_and_the_worst_example() -> None:
    served = rows()
    recomputed = served.copy()
    recomputed[:50, 0] += 100
    served[77, 0] = np.nan
    assert skew.measure(served, recomputed, NAMES, WATCH, examples=1).worst_first()[0].worst[0].row == "77"


def test_few_rows_can_show_skew_but_not_that_there_is_none() -> None:
    served = rows(10)
    assert skew.measure(served, served, NAMES, WATCH).finding == "not enough rows"
    assert skew.measure(served, served + 1, NAMES, WATCH).finding == "skew"
    assert skew.measure(served[:0], served[:0], NAMES, WATCH).finding == "not enough rows"


def test_matrices_of_other_shapes_are_refused() -> None:
    with pytest.raises(ReleaseMismatch, match="recipe of the release"):
        skew.measure(rows(), rows()[:, :1], NAMES, WATCH)


@pytest.mark.parametrize(
    ("count", "differ", "proven"), [(500, 1, False), (500, 10, True), (5_000, 7, False), (90_000, 9_000, True)]
)
def test_few_rows_that_differ_are_skew_but_prove_it_only_beyond_chance(count: int, differ: int, proven: bool) -> None:
    served = rows(count)
    recomputed = served.copy()
    recomputed[:differ, 1] += 2
    report = skew.measure(served, recomputed, NAMES, WATCH)
    assert report.finding == "skew"
    assert report.beyond_chance is proven


def test_equal_rows_are_within_chance() -> None:
    assert not skew.measure(rows(), rows(), NAMES, WATCH).beyond_chance


def test_features_that_differ_in_rows_of_their_own_are_skew_of_rows_although_each_feature_passes() -> None:
    served = np.random.default_rng(0).normal(size=(10_000, 59)).astype(np.float32)
    recomputed = served.copy()
    for feature in range(59):
        recomputed[feature * 9 : feature * 9 + 9, feature] += 1
    report = skew.measure(served, recomputed, [f"f{i}" for i in range(59)], WATCH)
    assert report.skewed == (), "each feature differs in 0.09 % of the rows"
    assert report.finding == "skew"
    assert report.beyond_chance
    assert report.reason() == "some feature differs in 5.31% of the rows, 0.20% may"
    assert report.facts()["rows equal in all features"] == 0.9469
    recomputed[2 * 9 :] = served[2 * 9 :]
    assert skew.measure(served, recomputed, [f"f{i}" for i in range(59)], WATCH).finding == "equal"


def test_an_action_that_the_recomputed_features_would_not_have_taken_is_skew() -> None:
    """Features equal to five digits can lie on two sides of a threshold."""
    served = rows()
    acted = served[:, 0] > 0
    same = skew.measure(served, served, NAMES, WATCH, actions=(acted, acted))
    assert same.finding == "equal"
    other = acted.copy()
    other[::50] ^= True
    report = skew.measure(served, served, NAMES, WATCH, actions=(acted, other))
    assert (report.finding, report.skewed) == ("skew", ("action",))
