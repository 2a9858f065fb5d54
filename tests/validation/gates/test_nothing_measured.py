"""What nobody could measure closes a gate: a perfect contender of NaN, an objective of another name."""

from dataclasses import replace

import numpy as np
import pytest

from tests.validation.gates.test_release_gates import GOOD, GROUPS, finding


@pytest.mark.parametrize(
    ("perfect", "says"),
    [
        (np.where(np.arange(GROUPS) < 9, np.nan, 1.0), "what a perfect contender"),
        (np.ones(9), "what a perfect contender"),
        (None, "what a perfect contender"),
    ],
)
def test_a_model_that_cannot_be_held_against_a_perfect_one_is_refused(perfect: object, says: str) -> None:
    found = finding("plausible", replace(GOOD, perfect=perfect))
    assert not found.passed
    assert says in found.reason


def test_an_objective_nobody_knows_is_asked_for_caps_too() -> None:
    assert not finding("caps", replace(GOOD, objective="rnak")).passed
