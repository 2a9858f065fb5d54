"""XGBoost's trees, scored by our own compiled loops: the same scores for a tenth of the CPU."""

import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from infra.arrays import Float32s
from serving.model.forest_kernel import AT_ONCE, LARGEST, WIDEST, Kernel
from serving.model.row_blocks import ROWS

BELOW = np.float32(-np.inf)
APART = 1e-5  # scores that differ by more are not the same
PROBES = 512  # rows: as many as are scored together
Scores = Callable[[Float32s], Float32s]
log = logging.getLogger(__name__)


class Tree(msgspec.Struct, frozen=True):
    """One tree as XGBoost writes it: node 0 is the root, a node without a left child is a leaf."""

    left_children: list[int]
    right_children: list[int]
    split_indices: list[int]
    split_conditions: list[float]
    default_left: list[int]

    def nodes(self) -> list[int]:
        """The nodes from the root down, those that split before the leaves."""
        nodes = [0]
        for node in nodes:  # which grows
            if self.splits(node):
                nodes += [self.left_children[node], self.right_children[node]]
        return sorted(nodes, key=self.splits, reverse=True)

    def condition(self, node: int) -> tuple[int, float]:
        """What a split asks: twice its feature, one more where missing values go right; what is smaller goes left."""
        return 2 * self.split_indices[node] + (not self.default_left[node]), self.split_conditions[node]

    def splits(self, node: int) -> bool:
        """Whether a node has nodes below it."""
        return self.left_children[node] >= 0


class Forest:
    """Trees as arrays, see `forest_kernel.Kernel`.

    Raises RuntimeError for more than WIDEST features, for a split on none of them, and for a tree of more than LARGEST
    nodes.
    """

    def __init__(self, trees: Sequence[Tree], features: int) -> None:
        if features > WIDEST:
            raise RuntimeError(f"it reads {features} features, more than {WIDEST}")
        split_conditions, left, right, leaves, splits = [], [], [], [], []
        for tree in trees:
            nodes = tree.nodes()
            place = {node: place for place, node in enumerate(nodes)}
            inner = [node for node in nodes if tree.splits(node)]
            split_conditions += [tree.condition(node) for node in inner]
            left += [place[tree.left_children[node]] for node in inner]
            right += [place[tree.right_children[node]] for node in inner]
            leaves += [tree.split_conditions[node] for node in nodes[len(inner) :]]
            splits.append(len(inner))
        conditions = sorted(set(split_conditions))
        if conditions and conditions[-1][0] >= 2 * features:
            raise RuntimeError(f"it splits on feature {conditions[-1][0] // 2}, of {features}")
        nodes_at_most = 2 * max(splits, default=0) + 1
        if nodes_at_most > LARGEST:
            raise RuntimeError(f"one of its trees has {nodes_at_most} nodes, more than {LARGEST}")
        number = {condition: number for number, condition in enumerate(conditions)}
        self._kernel = Kernel(
            features, np.array([0, *accumulate(splits)], dtype=np.int64),
            np.array([number[condition] for condition in split_conditions], dtype=np.int32),
            _ints(left), _ints(right), _reals(leaves),
            _ints([column for column, _ in conditions]), _reals([below for _, below in conditions]),
        )  # fmt: skip

    def sums(self, rows: Float32s) -> Float32s:
        """(rows,) the sum of the leaves that each of some rows (rows, features) float32 comes to.

        Rows in column order (each feature contiguous in memory) are read without a copy.
        """
        count = len(rows)
        if not count:
            return np.empty(0, dtype=np.float32)
        if count == 1:
            alone = np.empty(1, dtype=np.float32)
            self._kernel.score_one(np.ascontiguousarray(rows[0]), alone)
            return alone
        if count < ROWS:  # filled up with the last one; np.pad would cost a single row as much as all its trees
            filled = np.empty((rows.shape[1], ROWS), dtype=np.float32)
            filled[:, :count] = rows.T
            filled[:, count:] = rows[-1][:, None]
            rows = filled.T
        columns, sums = np.asfortranarray(rows).T, np.empty(len(rows), dtype=np.float32)
        for first in range(0, len(rows), AT_ONCE):
            start = min(first, len(rows) - ROWS)
            self._kernel.score(columns, start, min(AT_ONCE, len(rows) - start), sums)
        return sums[:count]


def scores(booster: Any, features: int) -> Scores | None:
    """A function from rows (rows, features) float32 to scores (rows,), or None where XGBoost has to do it itself.

    None is for a model whose scores here are not XGBoost's: both score rows with values at the model's own splits, and
    next to them.
    """
    try:
        learner = msgspec.json.decode(bytes(booster.save_raw("json")))["learner"]
        trees = msgspec.convert(learner["gradient_booster"]["model"]["trees"], list[Tree])
        score = _linked(Forest(trees, features), booster, _probes(trees, features))
    except (KeyError, RuntimeError, msgspec.ValidationError) as unlike:
        log.warning("XGBoost itself scores this model, for ten times the CPU: %s", unlike)
        return None
    if score is None:
        log.warning("XGBoost itself scores this model, for ten times the CPU: the compiled loops give other scores")
    return score


def _linked(forest: Forest, booster: Any, probes: Sequence[Float32s]) -> Scores | None:
    """The sums of a model's leaves, made into the scores of its objective."""

    def logistic(rows: Float32s) -> Float32s:
        return np.asarray(1 / (1 + np.exp(-(forest.sums(rows) + base))), dtype=np.float32)

    sums = forest.sums(probes[0])
    margins = booster.inplace_predict(probes[0], predict_type="margin", validate_features=False)
    if margins.shape != sums.shape:
        return None
    # What the objective makes of the model's base score is the same for all rows.
    base = np.float32(np.median(margins - sums))
    by_xgboost = [booster.inplace_predict(probe, validate_features=False) for probe in probes]
    for score in (logistic, lambda rows: forest.sums(rows) + base):
        if all(np.allclose(score(p), s, rtol=APART, atol=APART) for p, s in zip(probes, by_xgboost, strict=True)):
            return score
    return None


def _probes(trees: Iterable[Tree], features: int) -> tuple[Float32s, Float32s]:
    """Rows (PROBES, features) of values that the model splits at, the next ones below, and none.

    Those of the second matrix have half of their features in common, as the rows of a request have their user.
    """
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
    rows = np.where(draw.random(rows.shape) < 0.1, np.float32(np.nan), rows)
    return rows, np.where(draw.random(features) < 0.5, rows[0], rows)


def _ints(values: list[int]) -> NDArray[np.int16]:
    return np.array(values, dtype=np.int16)


def _reals(values: list[float]) -> Float32s:
    return np.array(values, dtype=np.float32)
