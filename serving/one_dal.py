"""XGBoost's trees scored by oneDAL: the same scores for half the CPU, on machines that have it."""

import logging
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import Floats
from serving import lean

BELOW = np.float32(-np.inf)
APART = 1e-5  # scores that differ by more are not the same
PROBES = 512
BLOCK = 80  # rows that oneDAL scores side by side, each for a third of what it costs alone
ALONE = 27  # so many rows left over are cheaper one by one than as a block
Scores = Callable[[Floats], Floats]
log = logging.getLogger(__name__)


class Tree(msgspec.Struct, frozen=True):
    """One tree as XGBoost writes it: node 0 is the root, a node without a left child is a leaf."""

    left_children: list[int]
    right_children: list[int]
    split_indices: list[int]
    split_conditions: list[float]
    default_left: list[int]


def scores(booster: Any, features: int) -> Scores | None:
    """A function from rows (rows, features) float32 to scores (rows,), or None where XGBoost has to do it itself.

    That is so where oneDAL is not installed, and for a model that it does not score as XGBoost does: both are asked
    for rows that stand on the model's own splits, and beside them.
    """
    engine = lean.one_dal()
    if engine is None:
        return None
    try:
        learner = msgspec.json.decode(bytes(booster.save_raw("json")))["learner"]
        trees = msgspec.convert(learner["gradient_booster"]["model"]["trees"], list[Tree])
        score = _linked(engine, _model(engine, trees, features), booster, _probe(trees, features))
    except (KeyError, RuntimeError, msgspec.ValidationError) as unlike:
        log.warning("oneDAL does not take this model, XGBoost scores it: %s", unlike)
        return None
    if score is None:
        log.warning("oneDAL scores this model otherwise, XGBoost goes on scoring it")
    return score


def _linked(engine: Any, model: Any, booster: Any, probe: Floats) -> Scores | None:
    """The sums of a model's leaves, made into the scores of its objective."""

    def summed(rows: Floats) -> Floats:
        order = _blocks(rows)
        # An algorithm keeps the number of rows that it was first given.
        found = engine.gbt_regression_prediction(fptype="float").compute(rows.take(order, axis=0), model).prediction
        sums = np.empty(len(rows), dtype=np.float32)
        sums[order] = found[:, 0]
        return sums

    def logistic(rows: Floats) -> Floats:
        return np.asarray(1 / (1 + np.exp(-(summed(rows) + base))), dtype=np.float32)

    margins = booster.inplace_predict(probe, predict_type="margin", validate_features=False)
    # What the objective makes of the model's base score is the same for all rows.
    base = np.float32(np.median(margins - summed(probe)))
    wanted = booster.inplace_predict(probe, validate_features=False)
    for score in (logistic, lambda rows: summed(rows) + base):
        found = score(probe)
        if found.shape == wanted.shape and np.allclose(found, wanted, rtol=APART, atol=APART):
            return score
    return None


def _blocks(rows: Floats) -> NDArray[np.intp]:
    """The order in which rows are scored for least: those that lack a value last, for one makes its block dearer.

    A last block that is nearly full is filled up with rows that are scored twice.
    """
    lacking = np.isnan(rows.dot(np.ones(rows.shape[1], dtype=np.float32)))
    order = lacking.argsort(kind="stable")
    over = len(rows) % BLOCK
    return order if over <= ALONE else np.append(order, np.resize(order, BLOCK - over))


def _model(engine: Any, trees: list[Tree], features: int) -> Any:
    builder = engine.gbt_reg_model_builder(n_features=features, n_iterations=len(trees))
    for tree in trees:
        here = builder.create_tree(len(tree.left_children))
        waiting: list[tuple[int, dict[str, int]]] = [(0, {})]
        while waiting:
            node, at = waiting.pop()
            value, cover = tree.split_conditions[node], 1.0
            if tree.left_children[node] < 0:
                builder.add_leaf(tree_id=here, response=value, cover=cover, **at)
                continue
            # XGBoost goes left below the value, oneDAL up to it.
            value, left = float(np.nextafter(np.float32(value), BELOW)), tree.default_left[node]
            made = builder.add_split(
                tree_id=here, feature_index=tree.split_indices[node], feature_value=value, default_left=left,
                cover=cover, **at,
            )  # fmt: skip
            children = (tree.left_children[node], tree.right_children[node])
            waiting += [(child, {"parent_id": made, "position": side}) for side, child in enumerate(children)]
    return builder.model(base_score=None)


def _probe(trees: list[Tree], features: int) -> Floats:
    """Rows (probes, features) of values that the model splits at, the next ones below, and none."""
    draw = np.random.default_rng(0)
    rows = np.full((PROBES, features), np.nan, dtype=np.float32)
    splits: list[list[float]] = [[] for _ in range(features)]
    for tree in trees:
        for feature, value, left in zip(tree.split_indices, tree.split_conditions, tree.left_children, strict=True):
            if left >= 0:
                splits[feature].append(value)
    for feature, values in enumerate(splits):
        if values:
            rows[:, feature] = draw.choice(np.array(values, dtype=np.float32), PROBES)
    rows = np.where(draw.random(rows.shape) < 0.3, np.nextafter(rows, BELOW), rows)
    return np.where(draw.random(rows.shape) < 0.1, np.float32(np.nan), rows)
