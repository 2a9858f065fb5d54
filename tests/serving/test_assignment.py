"""Askers keep their variant, shares are as set, constant shares are disjoint of trials, and trials are independent."""

import numpy as np
import pytest

from serving.assignment import CHALLENGER, CHAMPION, HOLDBACK, LOWEST, Shares, variant_of

USERS = [f"u{i}" for i in range(40_000)]


def drawn(shares: Shares) -> np.ndarray:
    return np.array([variant_of(shares, user) for user in USERS])


def test_shares_are_as_set() -> None:
    variants = drawn(Shares(lowest=0.01, holdback=0.04, challenger=0.25, salt="a"))
    for name, share in ((LOWEST, 0.01), (HOLDBACK, 0.04), (CHALLENGER, 0.95 * 0.25), (CHAMPION, 0.95 * 0.75)):
        error = np.sqrt(share * (1 - share) / len(USERS))
        assert abs((variants == name).mean() - share) < 4 * error, name


def test_a_larger_share_keeps_everybody_it_had_and_nobody_set_apart_moves() -> None:
    five, half = (drawn(Shares(0.01, 0.04, share, "a")) for share in (0.05, 0.5))
    assert (half[five == CHALLENGER] == CHALLENGER).all()
    for apart in (LOWEST, HOLDBACK):
        assert np.array_equal(five == apart, half == apart)


def test_trials_are_independent_of_each_other() -> None:
    first, second = (drawn(Shares(challenger=0.5, salt=salt)) == CHALLENGER for salt in ("first", "second"))
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(len(USERS))


@pytest.mark.parametrize("asker", ["", "ü", "a" * 4000], ids=["empty", "accent", "long"])
def test_every_asker_has_a_variant(asker: str) -> None:
    assert variant_of(Shares(challenger=1.0, salt="s"), asker) == CHALLENGER
    assert variant_of(Shares(), asker) == CHAMPION
