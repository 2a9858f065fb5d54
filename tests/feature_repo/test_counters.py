"""Decayed counters are their formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from feature_repo.counters import carry, decay

HALF_LIVES = np.array([60.0, 3600.0, 60.0, 2_592_000.0])
NOW = 1_777_000_000.0


@pytest.mark.parametrize(("at", "now", "expected"), [
    (NOW, NOW, 8.0),
    (NOW, NOW + 3600, 4.0),
    (NOW, NOW + 3 * 3600, 1.0),
    (NOW + 500, NOW, 8.0),
    (np.nan, NOW, 0.0),
], ids=["at once", "one half-life", "three", "a state from the future as it is", "never published"])  # fmt: skip
def test_decay(at: float, now: float, expected: float) -> None:
    counted = decay(np.array([[8.0]], np.float32), np.array([at]), np.array([now]), np.array([3600.0]))
    assert counted.dtype == np.float32
    assert counted.tolist() == [[expected]]


def test_an_entity_without_a_state_counts_nothing() -> None:
    nothing = np.full((1, 4), np.nan, np.float32)
    assert decay(nothing, np.array([np.nan]), np.array([NOW]), HALF_LIVES).tolist() == [[0.0] * 4]


@given(st.data(), st.integers(1, 40))
@settings(deadline=None)
def test_one_row_for_all_decays_to_the_same_bits_as_repeated_rows(data: st.DataObject, rows: int) -> None:
    values = data.draw(arrays.arrays(np.float32, (1, 4), elements=st.floats(0, 1e6, width=32)))
    at = NOW - data.draw(arrays.arrays(np.float64, (1,), elements=st.floats(0, 1e7)))
    one_moment = decay(values, at, np.array([NOW]), HALF_LIVES)
    every = decay(np.repeat(values, rows, 0), np.repeat(at, rows), np.full(rows, NOW), HALF_LIVES)
    assert (every == one_moment).all()


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1e8), st.floats(0, 1e6)), min_size=1, max_size=80))
@settings(deadline=None)
def test_carried_states_are_the_sums_of_everything_before(events: list[tuple[int, float, float]]) -> None:
    """Moments reach over three years: 1.6 million half-lives of a minute must not overflow."""
    events = sorted(events)
    entities, times, weights = (np.array(column, np.float64) for column in zip(*events, strict=True))
    states = carry(np.tile(weights, (4, 1)), times, np.searchsorted(entities, entities), HALF_LIVES)
    for i, entity in enumerate(entities):
        before = np.flatnonzero((entities == entity) & (np.arange(len(events)) <= i))
        direct = (weights[before, None] * np.exp2(-(times[i] - times[before, None]) / HALF_LIVES)).sum(axis=0)
        np.testing.assert_allclose(states[:, i], direct, rtol=1e-12, atol=1e-300)
