"""Drift: what is flagged, what is not, and what is too small to say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import DefinitionError, ReleaseMismatch
from monitoring import drift
from monitoring.definition import Watch
from monitoring.reference import Reference

WATCH = Watch(critical=("speed",))
NAMES = ("speed", "weight")


def window(seed: int = 0, rows: int = 5_000, shift: float = 0.0) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(rows, 2)).astype(np.float32)
    made[:, 0] += shift
    return made


def scores_of(matrix: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-matrix[:, 0]))


def measured(now: np.ndarray, before: np.ndarray | None = None, watch: Watch = WATCH) -> drift.DriftReport:
    was = window() if before is None else before
    return drift.measure(Reference.of(was, NAMES, scores_of(was)), now, NAMES, scores_of(now), watch)


def one(before: np.ndarray, now: np.ndarray) -> drift.ColumnDrift:
    """How one column moved, without scores."""
    report = drift.measure(Reference.of(before[:, None], ("speed",)), now[:, None], ("speed",), None, WATCH)
    return report.columns[0]


def test_psi_is_the_hand_computed_sum() -> None:
    before, now = np.array([0.5, 0.3, 0.2, 0.0]), np.array([0.4, 0.3, 0.2, 0.1])
    by_hand = (0.4 - 0.5) * math.log(0.4 / 0.5) + (0.1 - 0.0001) * math.log(0.1 / 0.0001)
    assert drift.psi(before, now) == pytest.approx(by_hand)


def test_psi_of_a_column_is_the_hand_computed_one() -> None:
    """Values 1..100 fill the ten deciles evenly; afterwards the upper half is gone."""
    before = np.tile(np.arange(1, 101, dtype=np.float32), 20)
    now = np.tile(np.arange(1, 51, dtype=np.float32), 40)
    by_hand = 5 * (0.2 - 0.1) * math.log(0.2 / 0.1) + 5 * (0.0001 - 0.1) * math.log(0.0001 / 0.1)
    assert one(before, now).psi == pytest.approx(by_hand)


def test_the_same_distribution_is_steady() -> None:
    report = measured(window(seed=1))
    assert report.finding == "steady"
    assert report.flagged == ()


def test_a_shifted_critical_feature_is_drift() -> None:
    report = measured(window(seed=1, shift=1.0))
    assert report.finding == "drift"
    assert report.flagged[0] in ("speed", "score")
    assert "PSI above 0.2: " in report.reason()
    assert "**drift**" in report.markdown()


def test_a_shifted_feature_that_is_not_critical_is_shown_and_causes_nothing() -> None:
    now = window(seed=1)
    now[:, 1] += 2
    report = measured(now)
    assert report.flagged == ("weight",)
    assert report.finding == "steady"
    assert "moved, not critical" in report.markdown()
    assert (report.facts()["flagged"], report.facts()["critical flagged"]) == (1, 0), "an alert is about critical ones"


def test_scores_that_move_alone_are_drift() -> None:
    was, now = window(), window(seed=1)
    report = drift.measure(Reference.of(was, NAMES, scores_of(was)), now, NAMES, scores_of(now) ** 3, WATCH)
    assert report.flagged == ("score",)
    assert report.finding == "drift"


def test_nulls_that_jump_from_2_to_40_percent_are_drift_though_the_known_values_did_not_move() -> None:
    before, now = window(), window()
    rng = np.random.default_rng(5)
    before[rng.random(len(before)) < 0.02, 0] = np.nan
    now[rng.random(len(now)) < 0.40, 0] = np.nan
    moved = one(before[:, 0], now[:, 0])
    assert moved.flagged
    assert (moved.null_before, moved.null_now) == (pytest.approx(0.02, abs=0.01), pytest.approx(0.40, abs=0.02))


CONSTANT = np.full(2_000, 3.0, dtype=np.float32)
ZEROS = np.where(np.arange(2_000) % 10 < 8, 0, np.arange(2_000)).astype(np.float32)  # 80 % zeros, then a spread
NOTHING = np.full(2_000, np.nan, dtype=np.float32)
CASES = [
    ("constant stays constant", CONSTANT, CONSTANT, False),
    ("constant in the last float32 digit", CONSTANT, np.nextafter(CONSTANT, np.float32(9)), False),
    ("constant goes up", CONSTANT, CONSTANT + 1, True),
    ("constant goes down", CONSTANT, CONSTANT - 1, True),
    ("zero becomes almost zero", CONSTANT * 0, CONSTANT * 0 + np.float32(1e-9), False),
    ("zero becomes one", CONSTANT * 0, CONSTANT * 0 + 1, True),
    ("many zeros stay", ZEROS, ZEROS, False),
    ("many zeros become ones", ZEROS, np.where(ZEROS == 0, 1, ZEROS), True),
    ("all null stays all null", NOTHING, NOTHING, False),
    ("all null becomes known", NOTHING, CONSTANT, True),
    ("known becomes all null", CONSTANT, NOTHING, True),
    ("known becomes infinite, which no feature may be", CONSTANT, CONSTANT * np.inf, True),
]


@pytest.mark.parametrize(("why", "before", "now", "flagged"), CASES, ids=[c[0] for c in CASES])
def test_columns_without_ten_different_deciles(why: str, before: np.ndarray, now: np.ndarray, flagged: bool) -> None:
    assert one(before, now).flagged is flagged


@pytest.mark.parametrize(("rows_before", "rows"), [(5_000, 10), (10, 5_000), (5_000, 0)])
def test_a_tiny_window_is_never_called_steady(rows_before: int, rows: int) -> None:
    report = measured(window(seed=1, rows=rows, shift=9.0), before=window(rows=rows_before))
    assert report.finding == "not enough rows"
    assert report.flagged == ()
    assert "not enough rows" in report.markdown()


def test_other_features_than_the_reference_has_are_refused() -> None:
    with pytest.raises(ReleaseMismatch, match=r"missing now: \['weight'\], new: \['height'\]"):
        drift.measure(Reference.of(window(), NAMES), window(), ("speed", "height"), None, WATCH)
    with pytest.raises(ReleaseMismatch, match="the same names in another order"):
        drift.measure(Reference.of(window(), NAMES), window(), ("weight", "speed"), None, WATCH)


def test_a_critical_feature_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DefinitionError, match="Did you mean `speed`"):
        measured(window(), watch=Watch(critical=("sped",)))


def test_a_reference_survives_its_json_and_keeps_its_digest() -> None:
    reference = Reference.of(window(), NAMES, scores_of(window()))
    again = Reference.from_json(reference.to_json())
    assert again == reference
    assert again.digest() == reference.digest()
    assert Reference.of(window(seed=3), NAMES).digest() != reference.digest()


@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 1_000), nulls=st.floats(0, 0.9))
@settings(max_examples=40, deadline=None)
def test_two_samples_of_one_distribution_differ_little_and_shares_sum_to_one(
    seed: int, scale: float, nulls: float
) -> None:
    rng = np.random.default_rng(seed)
    both = np.where(rng.random(20_000) < nulls, np.nan, rng.normal(scale=scale, size=20_000)).astype(np.float32)
    reference = Reference.of(both[:10_000, None], ("speed",)).features[0]
    assert sum(reference.shares) == pytest.approx(1)
    assert one(both[:10_000], both[10_000:]).psi < 0.02


@given(seed=st.integers(0, 10_000), shift=st.floats(0.1, 1.5))
@settings(max_examples=40, deadline=None)
def test_a_larger_shift_has_a_larger_psi(seed: int, shift: float) -> None:
    values = np.random.default_rng(seed).normal(size=5_000).astype(np.float32)
    nearer, farther = one(values, values + np.float32(shift)), one(values, values + np.float32(2 * shift))
    assert 0 < nearer.psi < farther.psi
