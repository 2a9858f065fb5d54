"""Scorers give the scores that training gave, and say why; a model that cannot be scored is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.arrays import Float32s
from infra.errors import ReleaseMismatch
from serving.model import forest, forest_kernel
from serving.model.scorer import Scorer, is_slow, load_scorer

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
    scorer = load_scorer("linear", tmp_path)
    margins = np.array([0.1 + 0 - 1, 0.1 + 0 - 1, 0.1 + 0.5 + 1])
    np.testing.assert_allclose(scorer.score(ROWS), 1 / (1 + np.exp(-margins)), rtol=1e-6)
    np.testing.assert_allclose(scorer.contributions(ROWS)[2], [0.5, 1.0], rtol=1e-6)


def test_a_ranking_by_one_feature_puts_the_unknown_last(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps({"kind": "column", "index": 0, "sign": -1.0, "missing": -1e9}))
    scorer = load_scorer("column", tmp_path)
    assert list(np.argsort(-scorer.score(ROWS))) == [0, 2, 1]
    assert scorer.score(ROWS).dtype == np.float32


def test_trees_explain_what_they_score(tmp_path: Path) -> None:
    import xgboost

    rows = np.random.default_rng(1).normal(size=(300, 3)).astype(np.float32)
    booster = xgboost.train({"nthread": 1, "base_score": 0.0}, xgboost.DMatrix(rows, 3 * rows[:, 1]), 30)
    booster.save_model(tmp_path / "model.ubj")
    scorer = load_scorer("xgboost", tmp_path)
    np.testing.assert_allclose(scorer.score(rows), booster.inplace_predict(rows), rtol=1e-6)
    moved = scorer.contributions(rows)
    assert moved.shape == rows.shape
    assert np.ptp(moved.sum(axis=1) - scorer.score(rows)) < 1e-3, "all but the model's own constant"
    assert np.argmax(np.abs(moved).mean(axis=0)) == 1


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Scorer]:
    """A booster for two classes, with ways for what is missing, and its scorer."""
    import xgboost

    folder, draw = tmp_path_factory.mktemp("trees"), np.random.default_rng(2)
    rows = np.where(draw.random((2000, 6)) < 0.2, np.nan, draw.normal(size=(2000, 6))).astype(np.float32)
    liked = np.nan_to_num(rows[:, 0] * rows[:, 1]) > np.isnan(rows[:, 2])
    booster = xgboost.train({"nthread": 1, "objective": "binary:logistic"}, xgboost.DMatrix(rows, liked), 60)
    booster.save_model(folder / "model.ubj")
    return booster, load_scorer("xgboost", folder)


@pytest.mark.parametrize("rows", [0, 1, 64, 65, 500, 1100])
@pytest.mark.parametrize("unknown", [0.0, 0.3], ids=["all known", "some unknown"])
def test_trees_score_as_their_library_does(trees: tuple[Any, Scorer], rows: int, unknown: float) -> None:
    booster, scorer = trees
    draw = np.random.default_rng(rows)
    features = np.where(draw.random((rows, 6)) < unknown, np.nan, draw.normal(size=(rows, 6))).astype(np.float32)
    expected = booster.inplace_predict(features)
    for laid_out in (features, np.asfortranarray(features), features.astype(np.float64)):
        np.testing.assert_allclose(scorer.score(laid_out), expected, rtol=1e-5)
        assert scorer.score(laid_out).dtype == np.float32


@pytest.mark.parametrize("unknown", [False, True])
def test_rows_that_have_something_in_common_score_as_they_do_alone(trees: tuple[Any, Scorer], unknown: bool) -> None:
    booster, scorer = trees
    draw = np.random.default_rng(4)
    for common in range(6):
        features = draw.normal(size=(130, 6)).astype(np.float32)
        features[:, : common + 1] = np.nan if unknown else features[0, : common + 1]
        np.testing.assert_allclose(scorer.score(features), booster.inplace_predict(features), rtol=1e-5)


@pytest.mark.parametrize("objective", ["binary:logistic", "reg:squarederror", "rank:pairwise"])
def test_a_forest_scores_as_xgboost_does_on_the_splits_themselves(tmp_path: Path, objective: str) -> None:
    import xgboost

    draw = np.random.default_rng(5)
    rows = np.round(draw.normal(size=(3000, 5)), 1).astype(np.float32)  # few values: many rows stand on a split
    rows[draw.random(rows.shape) < 0.1] = np.nan
    labelled = xgboost.DMatrix(rows, np.nan_to_num(rows[:, 0]) > 0.1, group=[3000] if "rank" in objective else None)
    booster = xgboost.train({"nthread": 1, "objective": objective, "max_depth": 6}, labelled, 40)
    scores = forest.scores(booster, 5)
    assert scores is not None
    np.testing.assert_allclose(scores(rows), booster.inplace_predict(rows), rtol=1e-5, atol=1e-5)
    alone = np.concatenate([scores(row[None]) for row in rows[:200]])
    np.testing.assert_array_equal(alone, scores(rows[:200]), "a row scored alone, another way, to the last bit")


def test_what_is_no_plain_tree_is_left_to_xgboost(tmp_path: Path) -> None:
    import xgboost

    draw = np.random.default_rng(6)
    rows = np.abs(draw.normal(size=(600, 3))).astype(np.float32)
    rows[:, 2] = draw.integers(0, 5, 600)
    kinds, label = ["q", "q", "c"], (rows[:, 2] % 2 == 0).astype(int)
    by_category = xgboost.DMatrix(rows, label, feature_types=kinds, enable_categorical=True)
    plain = xgboost.DMatrix(rows, rows[:, 2])
    models = {
        "categories": xgboost.train({"objective": "binary:logistic", "max_cat_to_onehot": 1}, by_category, 5),
        "classes": xgboost.train({"objective": "multi:softprob", "num_class": 5}, plain, 5),
        "dart": xgboost.train({"booster": "dart", "rate_drop": 0.5}, plain, 5),
        "poisson": xgboost.train({"objective": "count:poisson"}, plain, 5),
    }
    for name, booster in models.items():
        assert forest.scores(booster, 3) is None, name


@pytest.mark.parametrize(("features", "why"), [(1, "feature 1, of 1"), (forest_kernel.WIDEST + 1, "more than 1000")])
def test_a_forest_reads_features_that_are_there_and_not_too_many(features: int, why: str) -> None:
    tree = forest.Tree([1, -1, -1], [2, -1, -1], [1, 0, 0], [0.5, 1.0, 2.0], [1, 0, 0])
    assert forest.Forest([tree], 2).sums(np.array([[9, 0], [9, 1]], dtype=np.float32)).tolist() == [1.0, 2.0]
    with pytest.raises(RuntimeError, match=why):
        forest.Forest([tree], features)


def test_a_tree_that_is_too_large_for_the_stack_is_left_to_xgboost() -> None:
    nodes = forest_kernel.LARGEST + 1  # a list of splits, each with a leaf at its left
    left = [node + 1 if node % 2 == 0 and node < nodes - 1 else -1 for node in range(nodes)]
    right = [node + 2 if child >= 0 else -1 for node, child in enumerate(left)]
    tree = forest.Tree(left, right, [0] * nodes, [0.5] * nodes, [0] * nodes)
    with pytest.raises(RuntimeError, match=f"{nodes} nodes, more than {forest_kernel.LARGEST}"):
        forest.Forest([tree], 1)


def test_where_loops_fail_or_differ_xgboost_scores_and_it_is_told(
    trees: tuple[Any, Scorer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    booster, _ = trees
    booster.save_model(tmp_path / "model.ubj")
    rows = np.random.default_rng(3).normal(size=(9, 6)).astype(np.float32)

    def none(*_: Any) -> None:
        raise RuntimeError("no such processor")

    def zeros(_: forest.Forest, rows: Float32s) -> Float32s:
        return np.zeros(len(rows), dtype=np.float32)

    right = forest.Forest.sums

    def wrong_for_a_request(scored_by: forest.Forest, rows: Float32s) -> Float32s:
        return right(scored_by, rows) + (rows == rows[0]).all(axis=0).any()

    for owner, name, broken in (
        (forest_kernel.Kernel, "score", none),
        (forest.Forest, "sums", zeros),
        (forest.Forest, "sums", wrong_for_a_request),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, broken)
            assert forest.scores(booster, 6) is None
            scorer = load_scorer("xgboost", tmp_path)
            assert is_slow(scorer)
            assert scorer.score(rows).tobytes() == booster.inplace_predict(rows).tobytes()
    assert not is_slow(load_scorer("xgboost", tmp_path))


INTS, SHORTS = np.int32, np.int16
STUMP = {
    "starts": np.array([0, 1]), "condition": np.array([0], INTS), "left": np.array([1], SHORTS),
    "right": np.array([2], SHORTS), "leaves": np.array([1, 2], np.float32), "column": np.array([0], SHORTS),
    "below": np.array([0.5], np.float32),
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"condition": np.array([1], INTS)}, {"condition": np.array([-1], INTS)}, {"left": np.array([0], SHORTS)},
        {"left": np.array([3], SHORTS)}, {"right": np.array([-1], SHORTS)}, {"column": np.array([2], SHORTS)},
        {"column": np.array([-1], SHORTS)}, {"starts": np.array([0, 2])}, {"leaves": np.array([1], np.float32)},
        {"below": np.array([], np.float32)},
    ],
    ids=lambda wrong: "-".join(f"{name}={value.tolist()}" for name, value in wrong.items()),
)  # fmt: skip
def test_trees_that_lead_out_of_their_arrays_are_refused(wrong: dict[str, Any]) -> None:
    forest_kernel.Kernel(1, **STUMP)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="not there"):
        forest_kernel.Kernel(1, **{**STUMP, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("features", "width", "first", "rows"),
    [(2, 64, 0, 64), (1, 64, 0, 65), (1, 64, 1, 64), (1, 128, -1, 64), (1, 63, 0, 63), (1, 1024, 0, 513)],
)
def test_rows_that_are_not_there_are_not_scored(features: int, width: int, first: int, rows: int) -> None:
    kernel = forest_kernel.Kernel(1, **STUMP)  # type: ignore[arg-type]
    with pytest.raises(IndexError, match="there are no"):
        kernel.score(np.zeros((features, width), np.float32), first, rows, np.zeros(width, np.float32))


def test_scores_outlive_the_next_call(trees: tuple[Any, Scorer]) -> None:
    _, scorer = trees
    first = scorer.score(np.zeros((3, 6), np.float32))
    copy = first.copy()
    scorer.score(np.ones((3, 6), np.float32))
    assert (first == copy).all()


@pytest.mark.parametrize("width", [5, 7])
def test_trees_refuse_another_number_of_features(trees: tuple[Any, Scorer], width: int) -> None:
    with pytest.raises(ValueError, match="the model reads 6 features"):
        trees[1].score(np.zeros((3, width), np.float32))


def test_a_pickle_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ReleaseMismatch, match="sklearn-pickle"):
        load_scorer("sklearn-pickle", tmp_path)
