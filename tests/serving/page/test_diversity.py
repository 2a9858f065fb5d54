"""Diversity: of items that are alike the best stays in front, the others give way to what is unlike."""

import numpy as np
import pytest

from serving.page.diversity import diverse, spread

# Three cooking videos that are the same, one football video half like music, one music video.
COOKING, FOOTBALL, MUSIC = [1.0, 0.0, 0.0], [0.0, 0.8, 0.6], [0.0, 0.0, 1.0]
VECTORS = np.array([COOKING, COOKING, COOKING, FOOTBALL, MUSIC], dtype=np.float32)
RELEVANCE = np.array([1.0, 0.9, 0.8, 0.6, 0.5], dtype=np.float32)

CASES = [
    ("a small weight changes nothing", 0.01, 5, [0, 1, 2, 3, 4]),
    ("twins give way", 0.5, 5, [0, 3, 1, 2, 4]),
    ("unlike everything before, music beats the twins", 0.45, 4, [0, 3, 1, 2]),
    ("a great weight: all kinds first", 2.0, 3, [0, 3, 4]),
    ("more picks than candidates", 0.01, 9, [0, 1, 2, 3, 4]),
    ("none asked for", 0.5, 0, []),
]


@pytest.mark.parametrize(("why", "weight", "picks", "order"), CASES, ids=[case[0] for case in CASES])
def test_likeness_costs_its_weight(why: str, weight: float, picks: int, order: list[int]) -> None:
    assert diverse(RELEVANCE, VECTORS, weight, picks).tolist() == order


def test_each_pick_is_the_best_by_the_formula() -> None:
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(40, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    relevance = rng.random(40).astype(np.float32)
    picked: list[int] = []
    for pick in diverse(relevance, vectors, 0.3, 12).tolist():
        likeness = np.maximum(vectors @ vectors[picked].T, 0).max(axis=1, initial=0)
        worth = np.where(np.isin(np.arange(40), picked), -np.inf, relevance - 0.3 * likeness)
        assert worth[pick] == pytest.approx(worth.max(), abs=1e-5)
        picked.append(pick)


def test_what_is_unknown_is_like_nothing() -> None:
    vectors = np.array([COOKING, COOKING, [0.0, 0.0, 0.0]], dtype=np.float32)
    assert diverse(np.array([1.0, 0.9, 0.6], dtype=np.float32), vectors, 0.5, 2).tolist() == [0, 2]


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_double_nobody(odd: float) -> None:
    relevance = spread(np.array([odd, 0.5, 0.3, 0.1, odd], dtype=np.float32))
    assert sorted(diverse(relevance, VECTORS, 0.5, 5).tolist()) == [0, 1, 2, 3, 4]


SCORES = [
    ("probabilities", [0.2, 0.1, 0.15], [1.0, 0.0, 0.5]),
    ("margins", [-1.0, -3.0, -2.0], [1.0, 0.0, 0.5]),
    ("all equal", [0.3, 0.3, 0.3], [0.0, 0.0, 0.0]),
    ("none", [], []),
]


@pytest.mark.parametrize(("why", "scores", "stretched"), SCORES, ids=[case[0] for case in SCORES])
def test_scores_of_any_scale_are_stretched_alike(why: str, scores: list[float], stretched: list[float]) -> None:
    assert spread(np.array(scores, dtype=np.float32)).tolist() == pytest.approx(stretched)
