"""Scorers give the scores that training gave, and say why; a model that cannot be scored is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from serving.scorer import load
from validation.errors import ReleaseMismatch

ROWS = np.array([[1.0, 2.0], [np.nan, 2.0], [3.0, np.nan]], dtype=np.float32)


def test_a_logistic_regression_fills_then_standardises(tmp_path: Path) -> None:
    model = {
        "kind": "linear",
        "mean": [1, 1],
        "scale": [2, 1],
        "fill": [1, 0],
        "coefficients": [0.5, -1],
        "intercept": 0.1,
    }
    (tmp_path / "model.json").write_text(json.dumps(model))
    scorer = load("linear", tmp_path)
    margins = np.array([0.1 + 0 - 1, 0.1 + 0 - 1, 0.1 + 0.5 + 1])
    np.testing.assert_allclose(scorer.score(ROWS), 1 / (1 + np.exp(-margins)), rtol=1e-6)
    np.testing.assert_allclose(scorer.contributions(ROWS)[2], [0.5, 1.0], rtol=1e-6)


def test_a_ranking_by_one_feature_puts_the_unknown_last(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps({"kind": "column", "index": 0, "sign": -1.0, "missing": -1e9}))
    scorer = load("column", tmp_path)
    assert list(np.argsort(-scorer.score(ROWS))) == [0, 2, 1]
    assert scorer.score(ROWS).dtype == np.float32


def test_trees_explain_what_they_score(tmp_path: Path) -> None:
    import xgboost

    rows = np.random.default_rng(1).normal(size=(300, 3)).astype(np.float32)
    booster = xgboost.train({"nthread": 1, "base_score": 0.0}, xgboost.DMatrix(rows, 3 * rows[:, 1]), 30)
    booster.save_model(tmp_path / "model.ubj")
    scorer = load("xgboost", tmp_path)
    np.testing.assert_allclose(scorer.score(rows), booster.inplace_predict(rows), rtol=1e-6)
    moved = scorer.contributions(rows)
    assert moved.shape == rows.shape
    assert np.ptp(moved.sum(axis=1) - scorer.score(rows)) < 1e-3, "all but the model's own constant"
    assert np.argmax(np.abs(moved).mean(axis=0)) == 1


def test_a_pickle_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ReleaseMismatch, match="sklearn-pickle"):
        load("sklearn-pickle", tmp_path)
