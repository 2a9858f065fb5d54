"""The proofs about what was not served, with small numbers: each can fail, and does where it should."""

from dataclasses import replace

import numpy as np
import pytest

from orchestration.sources.simulator import World
from orchestration.sources.simulator.scale import TINY
from tests.prove.coverage import covered
from tests.prove.degraded import Degraded, rank_correlation
from tests.prove.offpolicy import correlation, coverage, position
from tests.prove.position import compared
from tests.prove.simulated_pages import Items


def test_intervals_hold_the_truth_and_a_bias_would_be_seen() -> None:
    values = covered(repetitions=12, pages=400, truth_pages=8_000, draws=100)
    assert np.mean([value.share for value in values]) >= 0.85
    assert not coverage([replace(values[0], share=0.89)]).passed
    good, bad = values[0], values[-1]
    assert good.truth > bad.truth + 0.02
    assert abs(bad.mean - bad.truth) < abs(bad.mean - good.truth)


def test_learning_with_the_place_is_better_where_places_mislead() -> None:
    ranked = compared("popularity", 4.0, pages=700, judged=150)
    assert ranked.more.low > 0
    assert position([ranked]).passed
    assert not position([replace(ranked, more=replace(ranked.more, low=-0.001))]).passed


def test_the_expected_gain_is_the_mean_of_what_happens() -> None:
    items = Items.drawn(World.make(replace(TINY, steep=2.0)), 300, 6, seed=1)
    shown = items.shown(np.argsort(np.random.default_rng(2).random(items.what.shape), axis=1), 6)
    happened = np.mean([shown.gains(seed).mean(axis=0) for seed in range(60)], axis=0)
    assert happened == pytest.approx(shown.expected().mean(axis=0), rel=0.12)
    assert happened[0] > 1.3 * happened[-1], "places decide"


def test_models_in_another_order_than_the_truth_do_not_pass() -> None:
    right = [Degraded(str(i), i / 10, i**2) for i in range(9)]
    assert rank_correlation(right) == pytest.approx(1)
    assert correlation(right).passed
    assert not correlation(right[:5]).passed, "so few models prove nothing"
    wrong = [replace(model, utility=right[(i + 4) % 9].utility) for i, model in enumerate(right)]
    assert not correlation(wrong).passed
