"""Exploration: every logged propensity is the frequency with which it happens, so that what is learned is true."""

import numpy as np
import pytest

from serving.page.exploration import explored

SEEDS = 10_000
CASES = [
    ("one place of twenty", 20, 60, 0.05),
    ("between one and two places", 10, 30, 0.13),
    ("seldom one place", 6, 8, 0.05),
    ("a pool smaller than the share", 8, 1, 0.3),
    ("a pool that is sometimes too small", 5, 1, 0.3),
    ("nothing to explore", 4, 0, 0.5),
    ("an empty page", 0, 5, 0.5),
]


def run(m: int, n: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A page of candidates 0 … m − 1, explored with a pool of the next n."""
    return explored(np.arange(m), np.arange(m, m + n), share, seed)


@pytest.mark.parametrize(("why", "m", "n", "share"), CASES, ids=[case[0] for case in CASES])
def test_logged_propensities_are_the_frequencies(why: str, m: int, n: int, share: float) -> None:
    times = np.zeros((m, m + n))
    logged = np.full((m, m + n), np.nan)
    for seed in range(SEEDS):
        shown, propensities = run(m, n, share, seed)
        times[np.arange(m), shown] += 1
        before = logged[np.arange(m), shown]
        assert (np.isnan(before) | (before == propensities)).all(), "the same item at the same place has one propensity"
        logged[np.arange(m), shown] = propensities
    met = ~np.isnan(logged)
    p = logged[met]
    # Six standard deviations hold for thousands of cells at once.
    bound = 6 * np.sqrt(p * (1 - p) / SEEDS) + 1e-6
    assert (np.abs(times[met] / SEEDS - p) <= bound).all()


@pytest.mark.parametrize(("why", "m", "n", "share"), CASES[:4], ids=[case[0] for case in CASES[:4]])
def test_the_chances_of_a_place_add_up_to_one(why: str, m: int, n: int, share: float) -> None:
    pages = [run(m, n, share, seed) for seed in range(400)]
    drawn = next(p[shown >= m][0] for shown, p in pages if (shown >= m).any())
    not_drawn = next(p[shown < m][0] for shown, p in pages if (shown < m).any())
    assert not_drawn + n * drawn == pytest.approx(1, abs=1e-6)


def test_inverse_propensity_estimates_are_unbiased() -> None:
    m, n, share = 10, 25, 0.13
    worth = np.random.default_rng(3).random((m, m + n))  # of each item at each place
    mean_of_page = worth[np.arange(m), np.arange(m)].mean()
    mean_of_pool = worth[:, m:].mean()
    estimates = []
    for seed in range(SEEDS):
        shown, propensities = run(m, n, share, seed)
        weighted = worth[np.arange(m), shown] / propensities
        estimates.append((weighted[shown < m].sum() / m, weighted[shown >= m].sum() / (m * n)))
    estimate, error = np.mean(estimates, axis=0), np.std(estimates, axis=0) / np.sqrt(SEEDS)
    assert np.all(np.abs(estimate - [mean_of_page, mean_of_pool]) < 5 * error)
    naive = np.mean([worth[np.arange(m), run(m, n, share, seed)[0]].mean() for seed in range(2_000)])
    assert abs(naive - mean_of_page) > 5 * error[0], "without the weights the estimate would be off"


def test_a_request_is_explored_the_same_however_often_it_is_asked() -> None:
    first, second = (run(20, 60, 0.2, 0x1F0C_0000_1111_2222_3333_4444_5555_6666)[0] for _ in range(2))
    assert first.tolist() == second.tolist()
    assert {tuple(run(20, 60, 0.2, seed)[0]) for seed in range(20)} != {tuple(first)}


def test_nothing_is_shown_twice() -> None:
    for seed in range(200):
        shown, _ = run(20, 6, 0.3, seed)
        assert len(set(shown.tolist())) == 20
