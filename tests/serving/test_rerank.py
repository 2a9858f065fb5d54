"""From scores to a page: caps, promises to new items, and pages that are never shorter than they could be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.rerank import by_score, capped, promised, with_fresh

ORDER = [0, 1, 2, 3, 4, 5]


def test_the_best_score_comes_first_and_equals_keep_their_order() -> None:
    assert by_score(np.array([0.1, 0.9, 0.9, 0.5], dtype=np.float32)) == [1, 2, 3, 0]


CASES = [
    ("no caps", [], [], 3, [0, 1, 2]),
    ("two of a kind", [[7, 7, 7, 8, 8, 9]], [2], 4, [0, 1, 3, 4]),
    ("two caps at once", [[7, 7, 8, 8, 9, 9], [1, 2, 1, 2, 1, 2]], [1, 2], 3, [0, 2, 5]),
    ("too few others: those left out fill the end", [[7, 7, 7, 7, 7, 9]], [1], 4, [0, 5, 1, 2]),
    ("more asked than there is", [], [], 99, ORDER),
]


@pytest.mark.parametrize(("why", "values", "most", "limit", "page"), CASES, ids=[case[0] for case in CASES])
def test_caps(why: str, values: list[list[int]], most: list[int], limit: int, page: list[int]) -> None:
    assert capped(ORDER, values, most, limit) == page


FRESH = [
    ("enough already", [0, 1, 2], [True, True, False, False, True, True], 2, [0, 1, 2]),
    ("one is missing: the lowest gives way", [0, 1, 2], [True, False, False, False, True, True], 2, [0, 1, 4]),
    ("two are missing, the better one higher", [0, 1, 2], [False, False, False, False, True, True], 2, [0, 4, 5]),
    ("none there is", [0, 1, 2], [False] * 6, 2, [0, 1, 2]),
    ("fewer than promised", [0, 1, 2], [False] * 5 + [True], 2, [0, 1, 5]),
]


@pytest.mark.parametrize(("why", "page", "fresh", "places", "changed"), FRESH, ids=[case[0] for case in FRESH])
def test_fresh_places(why: str, page: list[int], fresh: list[bool], places: int, changed: list[int]) -> None:
    assert with_fresh(page, ORDER, fresh, places) == changed


@pytest.mark.parametrize(("limit", "places"), [(20, 2), (10, 1), (9, 0), (100, 10)])
def test_the_promise_grows_with_the_page(limit: int, places: int) -> None:
    assert promised(2, 20, limit) == places


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=40),
    st.integers(1, 30),
    st.integers(1, 4),
    st.integers(0, 5),
)
def test_a_page_is_full_and_shows_nothing_twice(
    items: list[tuple[int, bool]], limit: int, most: int, places: int
) -> None:
    order, kinds, fresh = list(range(len(items))), [kind for kind, _ in items], [young for _, young in items]
    page = with_fresh(capped(order, [kinds], [most], limit), order, fresh, places)
    assert len(page) == min(limit, len(items)) == len(set(page))
    assert sum(fresh[i] for i in page) >= min(places, sum(fresh), len(page))
