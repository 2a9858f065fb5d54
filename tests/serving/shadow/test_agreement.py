"""Kendall's tau-b of two orders, beside scipy's."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from serving.shadow.agreement import MOST, rank_agreement


@pytest.mark.parametrize("ties", [False, True], ids=["all differ", "with ties"])
def test_it_is_kendalls_tau(ties: bool) -> None:
    draw = np.random.default_rng(3)
    first = draw.normal(size=200).astype(np.float32)
    second = (first + draw.normal(size=200)).astype(np.float32)
    if ties:
        first, second = first.round(), second.round()
    assert rank_agreement(first, second) == pytest.approx(kendalltau(first, second).statistic)


def test_the_same_order_agrees_and_the_reverse_is_opposed_however_many_there_are() -> None:
    scores = np.arange(3 * MOST + 1, dtype=np.float32)
    assert rank_agreement(scores, 7 * scores) == 1.0
    assert rank_agreement(scores, -scores) == -1.0


@pytest.mark.parametrize("scores", [[], [1.0], [2.0, 2.0]], ids=["none", "one", "all tied"])
def test_nothing_is_said_of_what_has_no_order(scores: list[float]) -> None:
    values = np.array(scores, dtype=np.float32)
    assert rank_agreement(values, values) is None
