"""Rules as a contender: what people decide without a model, as a forest of one tree a rule, released like any other."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.errors import DefinitionError
from training.contenders import Examples, FittedBoosted
from validation.contract import unknown

ABSENT = 2_147_483_647  # XGBoost's parent of a root


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether a feature is at least `low` and below `high`; a feature that is unknown meets no condition."""

    feature: str
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if (self.low is None) == (self.high is None):
            raise DefinitionError(f"condition on {self.feature}: say either `low` or `high`; two conditions say both")

    @property
    def bound(self) -> float:
        """The value that divides."""
        return float(self.low if self.low is not None else self.high or 0.0)


@dataclass(frozen=True, slots=True)
class PointsRule:
    """So many `points` where all conditions hold."""

    points: float
    when: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class ByRules:
    """Ranks by the sum of the points of the rules that hold; nothing is learned."""

    name: str
    rules: tuple[PointsRule, ...]

    def fit(self, fit: Examples, tune: Examples, seed: int) -> FittedBoosted:
        """The rules as trees over the columns of the input."""
        import xgboost as xgb

        for condition in (condition for rule in self.rules for condition in rule.when):
            if condition.feature not in fit.features:
                raise DefinitionError(f"contender {self.name}: feature {unknown(condition.feature, fit.features)}")
        places = {name: place for place, name in enumerate(fit.features)}
        booster = xgb.Booster({"nthread": 1})
        booster.load_model(bytearray(json.dumps(_forest(self.rules, places)).encode()))
        return FittedBoosted(booster, fit.features, probabilistic=False)


def _forest(rules: tuple[PointsRule, ...], places: Mapping[str, int]) -> dict[str, Any]:
    """XGBoost's own format, in which a sum of trees is what a model says."""
    trees = [_tree(number, rule, places) for number, rule in enumerate(rules)]
    count, model = len(trees), {"num_feature": str(len(places)), "num_class": "0", "num_target": "1"}
    forest = {
        "gbtree_model_param": {"num_trees": str(count), "num_parallel_tree": "1"},
        "iteration_indptr": list(range(count + 1)),
        "tree_info": [0] * count,
        "trees": trees,
    }
    return {
        "learner": {
            "attributes": {},
            "feature_names": [],
            "feature_types": [],
            "gradient_booster": {"model": forest, "name": "gbtree"},
            "learner_model_param": {"base_score": "0E0", "boost_from_average": "0", **model},
            "objective": {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}},
        },
        "version": [3, 0, 0],
    }


def _tree(number: int, rule: PointsRule, places: Mapping[str, int]) -> dict[str, Any]:
    """A chain: each condition leads on where it holds, and to a leaf of no points where not.

    XGBoost reads the right child of a node beside its left one: node 2i + 1 is where a value is below the i-th bound,
    node 2i + 2 where it is not, and the chain goes on at the one of them where the condition holds.
    """
    nodes = 2 * len(rule.when) + 1
    left, right, parents = [-1] * nodes, [-1] * nodes, [ABSENT] * nodes
    bounds, features, defaults = [0.0] * nodes, [0] * nodes, [0] * nodes
    node = 0
    for i, condition in enumerate(rule.when):
        below, above, upward = 2 * i + 1, 2 * i + 2, condition.low is not None
        left[node], right[node], parents[below], parents[above] = below, above, node, node
        bounds[node], features[node] = condition.bound, places[condition.feature]
        defaults[node] = int(upward)  # an unknown value fails
        node = above if upward else below
    bounds[node] = float(rule.points)
    param = {"num_deleted": "0", "num_feature": str(len(places)), "num_nodes": str(nodes), "size_leaf_vector": "1"}
    return {
        "base_weights": [0.0] * nodes,
        "categories": [],
        "categories_nodes": [],
        "categories_segments": [],
        "categories_sizes": [],
        "default_left": defaults,
        "id": number,
        "left_children": left,
        "loss_changes": [1.0 if child >= 0 else 0.0 for child in left],
        "parents": parents,
        "right_children": right,
        "split_conditions": bounds,
        "split_indices": features,
        "split_type": [0] * nodes,
        "sum_hessian": [1.0] * nodes,
        "tree_param": param,
    }
