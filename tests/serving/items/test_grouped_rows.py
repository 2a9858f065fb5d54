"""Shelves: rows by group, each group in order, kept up to date at the price of what changed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from serving.items import grouped_rows
from serving.items.distinct_rows import distinct
from serving.items.grouped_rows import Newest, best_of_each_group

GROUPS = st.lists(st.integers(0, 5), min_size=1, max_size=60)


def codes(*values: int) -> grouped_rows.Codes:
    return np.array(values, dtype=np.int32)


@given(groups=GROUPS, seed=st.integers(0, 5), each=st.integers(1, 8))
def test_the_best_of_each_group_come_in_turn(groups: list[int], seed: int, each: int) -> None:
    worth = np.random.default_rng(seed).permutation(len(groups)).astype(np.float32)
    rows = np.arange(1, len(groups) + 1, dtype=np.int32)
    grouped = best_of_each_group(rows, np.array(groups, dtype=np.int32), worth, each)
    for group in range(1, 6):
        expected = [i for i in np.argsort(-worth) if groups[i] == group][:each]
        assert grouped.first(codes(group), each).tolist() == [int(rows[i]) for i in expected]
    both = grouped.first(codes(2, 4, 99), each).tolist()
    assert len(both) == sum(min(groups.count(group), each) for group in (2, 4))
    if groups.count(2) > 1 and groups.count(4):
        assert groups[both[0] - 1] == 2
        assert groups[both[1] - 1] == 4


@given(steps=st.lists(GROUPS, min_size=1, max_size=4), seed=st.integers(0, 5))
def test_the_newest_of_a_group_are_right_after_any_change(steps: list[list[int]], seed: int) -> None:
    """Rows appear, are described anew, change their group or are no longer allowed (group 0)."""
    born = np.random.default_rng(seed).permutation(60).astype(np.float64)
    newest, few = Newest(), grouped_rows.FEW
    grouped_rows.FEW = 3
    try:
        for groups in steps:
            allowed = np.flatnonzero(groups).astype(np.int32)
            grouped = newest.updated(allowed, np.array(groups, np.int32)[allowed], born[allowed], len(groups))
            for group in range(1, 6):
                expected = {row for row in range(len(groups)) if groups[row] == group}
                of_group = grouped.first(codes(group), 60).tolist()
                assert expected <= set(of_group)
                assert len(of_group) == len(set(of_group))
    finally:
        grouped_rows.FEW = few


def test_the_newest_come_first() -> None:
    grouped = Newest().updated(codes(1, 2, 3, 4), codes(7, 7, 8, 7), np.array([5.0, np.nan, 9.0, 6.0]), 5)
    assert grouped.first(codes(7), 9).tolist() == [4, 1, 2]
    assert grouped.first(codes(7, 8), 1).tolist() == [4, 3]
    assert grouped.first(codes(9), 9).tolist() == []


@given(rows=st.lists(st.integers(0, 50), max_size=80))
def test_each_row_once_in_the_order_it_came(rows: list[int]) -> None:
    distinct_rows, places = distinct(np.array(rows, dtype=np.int32))
    assert distinct_rows.tolist() == list(dict.fromkeys(rows))
    assert distinct_rows[places].tolist() == rows
