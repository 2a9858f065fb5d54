"""The last seconds: what a service counts as it decides is what the log gives when it is counted again, to the bit."""

from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.recent import SECOND, count_recent, recent_of_each, units

MINUTE = 60 * SECOND
CASE = st.tuples(st.integers(-1, 2), st.integers(0, 6).map(lambda s: s * 20 * SECOND), st.floats(0, 1e5))


def counted(by: list[int], at: list[int], amounts: list[int] | None = None) -> list[float]:
    """What the log gives, its rows in the order of their ids."""
    places, sums = np.arange(len(by)), None if amounts is None else np.array(amounts)
    return recent_of_each(np.array(by), np.array(at), places, 60, sums).tolist()


def test_ten_payments_of_one_moment_are_counted_ten_times() -> None:
    assert counted([0] * 10, [MINUTE] * 10) == list(range(10))
    assert counted([0] * 10, [MINUTE] * 10, [units(0.1)] * 10) == [i / 10 for i in range(10)]


def test_a_window_begins_with_its_first_microsecond_and_other_cards_do_not_count() -> None:
    by, at = [0, 1, 0, 0], [0, 10, MINUTE, MINUTE + 1]
    assert counted(by, at) == [0, 0, 1, 1]


def test_the_order_of_the_log_does_not_matter() -> None:
    by, at, place = np.array([0, 0, 1, 0]), np.array([30, 10, 20, 10]) * SECOND, np.array([3, 1, 2, 0])
    assert recent_of_each(by, at, place, 15).tolist() == [0, 1, 0, 0]


def test_what_has_no_card_is_unknown_and_what_has_no_amount_adds_nothing() -> None:
    np.testing.assert_array_equal(counted([-1, -1, 0], [0, 0, 0]), [np.nan, np.nan, 0])
    assert (units(None), units(float("nan")), units(12.34)) == (0, 0, 123_400)


@given(st.lists(CASE, max_size=40))
@settings(deadline=None)
def test_served_is_counted_again(cases: list[tuple[int, int, float]]) -> None:
    """A service meets cases in their order, and notes each after it has answered it."""
    noted: dict[int, list[tuple[int, int]]] = defaultdict(list)
    served: list[tuple[float, float]] = [(np.nan, np.nan)] * len(cases)
    for case in sorted(range(len(cases)), key=lambda i: (cases[i][1], i)):
        card, at, amount = cases[case]
        if card >= 0:
            before = np.array([moment for moment, _ in noted[card]], np.int64)
            sums = [amount for _, amount in noted[card]]
            served[case] = count_recent(before, at, 60), count_recent(before, at, 60, sums)
            noted[card].append((at, units(amount)))
    by, at = [card for card, _, _ in cases], [at for _, at, _ in cases]
    again = zip(counted(by, at), counted(by, at, [units(amount) for _, _, amount in cases]), strict=True)
    np.testing.assert_array_equal(np.array(served).reshape(-1, 2), np.array(list(again)).reshape(-1, 2))


def test_an_amount_beyond_all_measure_is_still_added_up() -> None:
    for amount in (1e300, -1e300):
        sums = [units(amount)] * 3
        moments = np.array([0, 1], dtype=np.int64)
        assert counted([0] * 3, [0, 1, 2], sums)[2] == count_recent(moments, 2, 60, sums[:2])
