"""Measures against hand-computed cases."""

import math

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from infra.statistics import Weights, drawn_by_poisson, weighted_auc
from training.measuring.evaluation import Evaluation, Said, evaluate
from training.objectives import Judged, Rank, list_measures, measures


def once(users: int) -> Weights:
    """Every user drawn once: the value itself."""
    return np.ones((1, users), dtype=np.float32)


@pytest.mark.parametrize(
    ("gains", "scores", "expected"),
    [
        ([3, 2, 0], [3, 2, 1], 1.0),  # the best order
        ([0, 2, 3], [3, 2, 1], (2 / math.log2(3) + 3 / 2) / (3 + 2 / math.log2(3))),  # the worst
        ([1, 0], [5, 5], (1 + 1 / math.log2(3)) / 2),  # a tie shares both places, whichever row was logged first
        ([0, 1], [5, 5], (1 + 1 / math.log2(3)) / 2),
        ([0, 0, 1], [3, 2, 1], 0.5),  # third place is worth 1 / log2(4)
    ],
)
def test_ndcg_of_one_list(gains: list[float], scores: list[float], expected: float) -> None:
    group = np.zeros(len(gains), dtype=int)
    assert measures.ndcg(group, np.array(gains, float), np.array(scores, float), 10, 1)[0] == pytest.approx(expected)


def test_ndcg_looks_at_the_first_places_only_and_skips_lists_without_gain() -> None:
    group = np.array([0] * 11 + [1, 1])
    gain, score = np.array([0.0] * 10 + [1.0] + [0.0, 0.0]), -np.arange(13.0)
    found = measures.ndcg(group, gain, score, 10, 2)
    assert found[0] == 0.0
    assert math.isnan(found[1])


def test_gauc_weighs_users_by_rows_and_leaves_out_those_of_one_class() -> None:
    user = np.array([0, 0, 1, 1, 1, 1, 2, 2])
    label = np.array([1, 0, 1, 0, 0, 0, 1, 1])
    score = np.array([2.0, 1, 1, 2, 0, 1, 9, 8])  # user 0: 1; user 1: beats one of three, ties with one: 0.5
    assert measures.gauc(user, label, score, 3)(once(3))[0] == pytest.approx((1.0 * 2 + 0.5 * 4) / 6)


def test_auc_and_log_loss_are_those_of_scikit_learn_also_when_users_are_drawn_more_than_once() -> None:
    rng = np.random.default_rng(1)
    user, label, score = rng.integers(0, 40, 500), rng.integers(0, 2, 500), rng.integers(1, 9, 500) / 10
    weights = rng.poisson(1.0, (3, 40)).astype(np.float32)
    areas, losses = weighted_auc(user, label, score)(weights), measures.log_loss(user, label, score, 40)(weights)
    for drawn, area, loss in zip(weights, areas, losses, strict=True):
        assert area == pytest.approx(roc_auc_score(label, score, sample_weight=drawn[user]))
        assert loss == pytest.approx(log_loss(label, score, sample_weight=drawn[user]), rel=1e-5)


def test_calibration_error_is_the_mean_distance_of_predicted_and_seen_shares() -> None:
    chance = np.repeat([0.2, 0.8], 10)
    label = np.array([1] * 4 + [0] * 6 + [1] * 6 + [0] * 4)  # seen: 0.4 and 0.6
    user = np.arange(20)
    assert measures.calibration_error(user, label, chance, 20)(once(20))[0] == pytest.approx(0.2)


def test_lists_cover_items_and_differ_in_kind() -> None:
    group, user, item = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 0, 3])
    listed = list_measures.first_places(group, np.array([3.0, 2, 1, 1, 2]), 2)
    assert listed.tolist() == [True, True, False, True, True]
    assert list_measures.coverage(user, item, listed, 2)(once(2))[0] == pytest.approx(3 / 4)
    kinds = np.array([0, 0, 1, 0, 1])  # the first list is of one kind, the second of two
    assert list_measures.diversity(group, user, kinds, listed, 2)(once(2))[0] == pytest.approx(0.5)
    assert list_measures.diversity(group, user, np.full(5, -1), listed, 2)(once(2))[0] == 1.0, "unknown is like nothing"


def test_an_interval_holds_the_value_and_narrows_with_more_users() -> None:
    few, many = (measured_of(users) for users in (50, 2000))
    for found in (few, many):
        measured = found.measures["ndcg_at_10"]
        assert measured.low < measured.value < measured.high
    assert width(many) < width(few) / 3


def measured_of(users: int) -> Evaluation:
    """One contender, judged on the rows of so many users."""
    return evaluate(Rank(), judged(users), Said(np.arange(users * 5) % 7 * 1.0), drawn_by_poisson(users, 200, 0))


def judged(users: int) -> Judged:
    """Five rows for each of so many users, one list each."""
    rng = np.random.default_rng(users)
    label = rng.integers(0, 2, users * 5)
    who = np.repeat(np.arange(users), 5)
    columns = {"gain": label * 1.0, "item": who, "attribute": who % 3, "novelty": label * 1.0}
    return Judged(users, users, who, who, label, columns)


def width(found: object) -> float:
    """Of the interval of NDCG."""
    measured = found.measures["ndcg_at_10"]  # type: ignore[attr-defined]
    return float(measured.high - measured.low)
