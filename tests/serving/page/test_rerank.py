"""From scores to a page: caps, promises to new items, and pages that are never shorter than they could be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.page.rerank import ahead, by_score, capped, promised, with_fresh

ORDER = np.arange(6)


def codes(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int32)


def test_the_best_score_comes_first_and_equals_keep_their_order() -> None:
    assert by_score(np.array([0.1, 0.9, 0.9, 0.5], dtype=np.float32)).tolist() == [1, 2, 3, 0]


@given(st.lists(st.floats(width=32) | st.sampled_from([0.0, -0.0, 0.5, -0.5]), max_size=40))
def test_any_scores_are_in_the_order_of_a_stable_sort(some: list[float]) -> None:
    scores = np.array(some, dtype=np.float32)
    assert by_score(scores).tolist() == (-scores).argsort(kind="stable").tolist()


def test_what_is_picked_goes_ahead_and_nothing_is_lost() -> None:
    assert ahead([4, 1], np.array([5, 4, 3, 2, 1, 0])).tolist() == [4, 1, 5, 3, 2, 0]


CASES = [
    ("no caps", [], [], 3, [0, 1, 2]),
    ("two of a kind", [codes(7, 7, 7, 8, 8, 9)], [2], 4, [0, 1, 3, 4]),
    ("two caps at once", [codes(7, 7, 8, 8, 9, 9), codes(1, 2, 1, 2, 1, 2)], [1, 2], 3, [0, 2, 5]),
    ("too few others: those left out fill the end", [codes(7, 7, 7, 7, 7, 9)], [1], 4, [0, 5, 1, 2]),
    ("the unknown are not one kind", [codes(0, 0, 0, 7, 7, 7)], [1], 4, [0, 1, 2, 3]),
    ("more asked than there is", [], [], 99, [0, 1, 2, 3, 4, 5]),
]


@pytest.mark.parametrize(("why", "values", "most", "limit", "page"), CASES, ids=[case[0] for case in CASES])
def test_caps(why: str, values: list[np.ndarray], most: list[int], limit: int, page: list[int]) -> None:
    assert capped(ORDER, values, most, limit)[:limit].tolist() == page


FRESH = [
    ("enough already", [1, 1, 0, 0, 1, 1], 2, [0, 1, 2]),
    ("one is missing: the lowest gives way", [1, 0, 0, 0, 1, 1], 2, [0, 1, 4]),
    ("two are missing, the better one higher", [0, 0, 0, 0, 1, 1], 2, [0, 4, 5]),
    ("the lowest is fresh already: the one above gives way", [0, 0, 1, 0, 1, 1], 2, [0, 4, 2]),
    ("none there is", [0] * 6, 2, [0, 1, 2]),
    ("fewer than promised", [0] * 5 + [1], 2, [0, 1, 5]),
    ("more promised than there are places", [0, 0, 0, 1, 1, 1], 9, [3, 4, 5]),
]


@pytest.mark.parametrize(("why", "fresh", "places", "page"), FRESH, ids=[case[0] for case in FRESH])
def test_fresh_places(why: str, fresh: list[int], places: int, page: list[int]) -> None:
    assert with_fresh(ORDER, np.array(fresh, dtype=bool), places, 3)[:3].tolist() == page


@pytest.mark.parametrize(("limit", "places"), [(20, 2), (10, 1), (9, 0), (100, 10)])
def test_the_promise_grows_with_the_page(limit: int, places: int) -> None:
    assert promised(2, 20, limit) == places


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=40),
    st.integers(1, 30),
    st.integers(1, 4),
    st.integers(0, 5),
)
def test_steps_compose_and_no_candidate_is_lost_or_doubled(
    items: list[tuple[int, bool]], limit: int, most: int, places: int
) -> None:
    kinds, fresh = codes(*(kind for kind, _ in items)), np.array([young for _, young in items], dtype=bool)
    order = with_fresh(capped(np.arange(len(items)), [kinds], [most], limit), fresh, places, limit)
    assert sorted(order.tolist()) == list(range(len(items)))
    assert fresh[order[:limit]].sum() >= min(places, fresh.sum(), limit)
