"""Off-policy estimates: right in the mean, told apart from the logged policy's own value, refused when too little."""

import numpy as np
import pytest

from training.measuring import Decisions, drawn_by_lot, effective_rows, place_decisions, policy_value

WORTH = np.array([0.1, 0.3, 0.8])  # of three actions
LOGGED = np.array([0.7, 0.25, 0.05])  # the chances with which they were taken
WANTED = np.array([0.1, 0.2, 0.7])  # by the policy to be valued: worth .63; the logged one is worth .185


def decisions(seed: int, rows: int, model: float) -> Decisions:
    """Logged actions; `model` is what the reward model is off by."""
    rng = np.random.default_rng(seed)
    action, who = rng.choice(3, rows, p=LOGGED), np.arange(rows) // 5
    reward = (rng.random(rows) < WORTH[action]).astype(np.float64)
    guess = WORTH + model
    return Decisions(reward, LOGGED[action], WANTED[action], guess[action], np.full(rows, guess @ WANTED), who)


@pytest.mark.parametrize("estimate", ["ips", "snips", "doubly_robust"])
@pytest.mark.parametrize("model", [0.0, 0.5], ids=["a true model", "a wrong model"])
def test_each_estimate_is_right_in_the_mean_and_its_interval_says_how_far_off_it_may_be(
    estimate: str, model: float
) -> None:
    values = [getattr(policy_value(decisions(seed, 2_500, model), seed, draws=200, least=10), estimate)
              for seed in range(100)]  # fmt: skip
    means = np.array([value.mean for value in values])
    assert abs(means.mean() - WORTH @ WANTED) < 4 * means.std() / np.sqrt(len(means))
    assert np.mean([value.low <= WORTH @ WANTED <= value.high for value in values]) >= 0.85
    assert np.mean([value.low <= WORTH @ LOGGED <= value.high for value in values]) < 0.1


def test_a_true_model_makes_the_interval_narrower() -> None:
    value = policy_value(decisions(1, 1_500, 0.0), 1)
    assert value.doubly_robust.high - value.doubly_robust.low < 0.9 * (value.ips.high - value.ips.low)


def test_too_few_effective_rows_are_refused_and_counted() -> None:
    few = policy_value(decisions(1, 300, 0.0), 1)
    assert few.refused.startswith("too few effective rows: ")
    assert "of 300 decisions, 100 are needed" in few.refused
    assert np.isnan([few.ips.mean, few.snips.mean, few.doubly_robust.mean]).all()
    assert effective_rows(np.array([1.0, 1.0, 0.0])) == 2
    assert effective_rows(np.array([100.0, 0.1])) == pytest.approx(1, abs=0.01)
    assert effective_rows(np.zeros(4)) == 0


def test_pages_with_a_few_explored_places_are_no_pages_drawn_by_lot() -> None:
    page = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3])
    propensity = np.array([0.95, 0.95, 0.001, 0.01, 0.01, 0.96, np.nan, np.nan, np.nan, 0.01])
    assert drawn_by_lot(page, propensity).tolist() == [False] * 3 + [True] * 3 + [False] * 4
    assert drawn_by_lot(page[:0], propensity[:0]).tolist() == []


def test_the_value_of_an_order_is_found_from_pages_in_random_order() -> None:
    """Items of known worth, places of known chance to be looked at; places begin with 3, rows are in no order."""
    rng, pages, places = np.random.default_rng(5), 4_000, 5
    looked = 1 / np.arange(1, 1 + places) ** 0.5
    worth = rng.random((pages, places))
    order = np.argsort(rng.random((pages, places)), axis=1)  # the place of each item
    page, worth_of, place = np.repeat(np.arange(pages), places), worth.ravel(), order.ravel()
    reward = (rng.random(len(page)) < worth_of * looked[place]).astype(np.float64)
    shuffled = rng.permutation(len(page))
    best_first = np.sort(worth, axis=1)[:, ::-1]
    for score, truth in ((worth_of, (best_first * looked).mean()), (-worth_of, (best_first[:, ::-1] * looked).mean())):
        logged = place_decisions(
            page[shuffled], place[shuffled] + 3.0, score[shuffled], reward[shuffled], page[shuffled],
            lambda at: 0.5 * looked[at.astype(int) - 3],
        )  # fmt: skip
        value = policy_value(logged, 1, draws=200)
        for estimate in (value.ips, value.snips, value.doubly_robust):
            assert estimate.low <= truth <= estimate.high
        assert value.effective == pytest.approx(pages, rel=0.05)
    assert len(place_decisions(*(np.zeros(0, dtype=int) for _ in range(5))).reward) == 0
