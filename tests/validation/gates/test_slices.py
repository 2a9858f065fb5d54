"""The slice gate: sixteen equal slices are no reason to refuse, and one that is left behind is."""

import pytest

from tests.prove.comparisons import JudgeRows, refused_for_equal_slices

ROWS = JudgeRows(groups=150, spread=0.15, users=120)


@pytest.mark.parametrize("slices", [1, 16])
def test_equal_slices_are_refused_in_at_most_one_of_ten_runs_however_many_there_are(slices: int) -> None:
    assert refused_for_equal_slices(40, slices, ROWS, seed=4) <= 0.10


def test_one_slice_of_sixteen_that_is_left_behind_is_refused() -> None:
    assert refused_for_equal_slices(5, 16, ROWS, seed=5, worse=0.1) == 1.0
