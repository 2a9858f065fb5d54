"""Sample-ratio mismatch: a wrong ratio is found, a right one is let be however often one looks."""

import numpy as np
import pytest

from infra.statistics import sample_ratio_chance


def test_right_ratios_are_let_be_at_every_look() -> None:
    rng, alarms = np.random.default_rng(3), 0
    for _ in range(300):
        challenger = rng.binomial(20, 0.05, 200).cumsum()
        seen = 20 * np.arange(1, 201)
        looks = [sample_ratio_chance((c, n - c), (0.05, 0.95)) for c, n in zip(challenger, seen, strict=True)]
        alarms += min(looks) < 0.05
    assert alarms / 300 <= 0.05


@pytest.mark.parametrize(
    ("counts", "shares"),
    [
        ((800, 9_200), (0.05, 0.95)),
        ((5_250, 4_750), (0.5, 0.5)),
        ((3, 10_000), (0.0, 1.0)),
    ],
    ids=["more than drawn", "near a half", "nobody was to be there"],
)
def test_a_wrong_ratio_is_found(counts: tuple[int, int], shares: tuple[float, float]) -> None:
    assert sample_ratio_chance(counts, shares) < 0.001


def test_nobody_and_one_variant_alone_say_nothing() -> None:
    assert sample_ratio_chance((0, 0), (0.05, 0.95)) == 1.0
    assert sample_ratio_chance((70,), (1.0,)) == 1.0
    assert sample_ratio_chance((), ()) == 1.0
