"""Rules compete with models: their points are what the rules say, also where a value is unknown, and they are kept."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from infra.errors import DefinitionError
from training.contenders import Examples
from training.fitting import load_contender
from training.rules_contender import ByRules, Condition, PointsRule

RULES = ByRules(
    "rules",
    (
        PointsRule(3, (Condition("amount", low=100), Condition("age", high=5))),
        PointsRule(1, (Condition("amount", low=50),)),
        PointsRule(0.5, (Condition("age", high=1),)),
    ),
)
ROWS = np.array([[120, 2], [120, 9], [100, np.nan], [49, 0], [np.nan, 0.5], [50, 5], [np.nan, np.nan]], np.float32)
POINTS = [4, 1, 1, 0.5, 0.5, 1, 0]


def rows() -> Examples:
    return Examples(ROWS, np.zeros(len(ROWS), np.float32), ("amount", "age"))


def test_the_points_are_those_of_the_rules_that_hold() -> None:
    fitted = RULES.fit(rows(), rows(), 0)
    assert fitted.scores(ROWS).tolist() == POINTS
    assert not fitted.probabilistic, "points are no chances: nobody calibrates them"


def test_rules_of_every_direction_in_every_order_say_what_they_say() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(2_000, 3)).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    names = ("a", "b", "c")
    for directions in product((True, False), repeat=3):
        when = tuple(Condition(name, low=0.1) if up else Condition(name, high=0.1)
                     for name, up in zip(names, directions, strict=True))  # fmt: skip
        holds = [matrix[:, i] >= np.float32(0.1) if up else matrix[:, i] < np.float32(0.1)
                 for i, up in enumerate(directions)]  # fmt: skip
        rule = ByRules("rules", (PointsRule(2, when), PointsRule(1, when[:2])))
        expected = 2.0 * np.all(holds, axis=0) + 1.0 * np.all(holds[:2], axis=0)
        given = Examples(matrix, np.zeros(len(matrix), np.float32), names)
        assert rule.fit(given, given, 0).scores(matrix).tolist() == expected.tolist()


def test_saved_rules_say_the_same(tmp_path: Path) -> None:
    import xgboost as xgb

    path = RULES.fit(rows(), rows(), 0).save(tmp_path)
    assert xgb.Booster(model_file=path).inplace_predict(ROWS).tolist() == POINTS
    assert callable(load_contender)


def test_a_rule_about_a_feature_that_is_not_there_is_refused() -> None:
    wrong = ByRules("rules", (PointsRule(1, (Condition("amout", low=1),)),))
    with pytest.raises(DefinitionError, match="Did you mean `amount`"):
        wrong.fit(rows(), rows(), 0)
    with pytest.raises(DefinitionError, match="either `low` or `high`"):
        Condition("amount")
