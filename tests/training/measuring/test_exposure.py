"""Shares of exposure: known where one can count them by hand."""

from dataclasses import replace

import numpy as np
import pytest

from infra.statistics import drawn_by_poisson
from training.measuring import Concentration, Exposures, exposures
from training.objectives import Judged, exposure

PAGES = 200
GROUP = np.repeat(np.arange(PAGES), 2)
SIZES = np.tile(["small", "large"], PAGES).astype(object)  # on each page one item of a small maker, one of a large one


def shared(scores: np.ndarray, gain: np.ndarray) -> Exposures:
    columns = {"gain": gain, "maker": np.tile([0, 1], PAGES)}
    judged = Judged(PAGES, PAGES, GROUP, GROUP, gain, columns, exposed={"size": SIZES})
    measured = exposures(judged, scores, drawn_by_poisson(PAGES, 100, 0), 10)
    assert measured is not None
    return measured


def test_a_place_is_worth_what_its_discount_says_and_a_tie_is_shared() -> None:
    second = 1 / np.log2(3)
    worth = exposure(np.array([0, 0, 0, 1, 1]), np.array([2.0, 3.0, 1.0, 5.0, 5.0]), 2)
    assert worth == pytest.approx([second, 1, 0, (1 + second) / 2, (1 + second) / 2])


def test_who_stands_first_gets_more_than_what_users_value_alike_is_worth() -> None:
    parts = {part.name: part for part in shared(np.tile([0.0, 1.0], PAGES), np.ones(2 * PAGES)).parts}
    small, second = parts["size=small"], 1 / np.log2(3)
    assert (small.eligible, small.outcome, small.groups) == (0.5, 0.5, PAGES)
    assert small.exposure == pytest.approx(second / (1 + second))
    assert (small.low, small.high) == pytest.approx((small.ratio, small.ratio)), "all pages are alike"
    assert small.ratio < 1 < parts["size=large"].ratio


def test_exposure_in_proportion_to_outcomes_is_a_ratio_of_one() -> None:
    second = 1 / np.log2(3)
    parts = shared(np.tile([0.0, 1.0], PAGES), np.tile([second, 1.0], PAGES)).parts
    assert [part.ratio for part in parts] == pytest.approx([1.0, 1.0])


def test_a_part_of_the_users_shares_no_page_with_another_so_no_order_is_judged_by_it() -> None:
    halves = np.where(GROUP < PAGES // 2, "first", "second").astype(object)
    gain = np.ones(2 * PAGES)
    judged = Judged(PAGES, PAGES, GROUP, GROUP, gain, {"gain": gain, "maker": GROUP}, exposed={"half": halves})
    measured = exposures(judged, gain, drawn_by_poisson(PAGES, 100, 0), 10)
    assert measured is not None
    assert [part.groups for part in measured.parts] == [0, 0]


def test_concentration_of_one_for_all_and_of_all_for_one() -> None:
    even, one = Concentration.of(np.ones(200)), Concentration.of(np.r_[np.zeros(199), 1.0])
    assert (even.few, even.gini) == pytest.approx((0.01, 0))
    assert (one.few, one.gini) == pytest.approx((1, 0.995))
    assert np.isnan(Concentration.of(np.zeros(3)).gini)


def test_without_makers_nothing_is_measured() -> None:
    nothing = np.zeros(2, dtype=int)
    none = Judged(1, 1, nothing, nothing, nothing, {"gain": nothing})
    assert exposures(none, np.zeros(2), np.ones((1, 1)), 10) is None
    unknown = replace(none, columns={**none.columns, "maker": np.array([-1, -1])})
    assert exposures(unknown, np.zeros(2), np.ones((1, 1)), 10) is not None
