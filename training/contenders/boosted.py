"""Gradient-boosted trees."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from infra.arrays import Float32s
from infra.errors import DefinitionError
from infra.release_format import BASE, TREES
from training.contenders.examples import Examples


@dataclass(frozen=True, slots=True)
class FittedBoosted:
    """Gradient-boosted trees, added to the column `base` where there is one.

    Scores are predictions of the target where that is what was learned.
    """

    booster: Any
    features: tuple[str, ...]
    kind: str = "xgboost"
    probabilistic: bool = True
    base: int | None = None
    on_tune: Float32s | None = None

    def scores(self, matrix: Float32s) -> Float32s:
        """One score a row, or one for each level of a quantile; a higher one ranks higher."""
        return predicted(self.booster, matrix, self.base)

    def save(self, folder: Path) -> Path:
        """Write `model.ubj`; the base is one of its attributes."""
        path = folder / TREES
        if self.base is not None:
            self.booster.set_attr(**{BASE: str(self.base)})
        self.booster.save_model(path)
        return path

    def importance(self) -> Mapping[str, float]:
        """Gain of each feature that some tree splits on."""
        gains = self.booster.get_score(importance_type="gain")
        return {self.features[int(name.removeprefix("f"))]: float(gain) for name, gain in gains.items()}


def predicted(booster: Any, matrix: Float32s, base: int | None) -> Float32s:
    """What trees say, added to the base."""
    trees: Float32s = np.asarray(booster.inplace_predict(matrix), dtype=np.float32)
    if base is None:
        return trees
    return trees + (matrix[:, base] if trees.ndim == 1 else matrix[:, [base]])


PREDICTIONS = ("binary:logistic", "reg:absoluteerror", "reg:quantileerror")
"""XGBoost's objectives whose scores are predictions of the target."""
Learns = Literal["target", "order", "value"]
OBJECTIVES: Mapping[Learns, Mapping[str, Any]] = {
    "target": {},  # as the task's objective says
    # LambdaMART (Burges 2010); the worth of a row is its gain itself, as in the NDCG that models are judged by.
    "order": {"objective": "rank:ndcg", "eval_metric": "ndcg@10", "ndcg_exp_gain": False},
    "value": {"objective": "reg:squarederror", "eval_metric": "rmse"},
}
"""What XGBoost learns from: the target, the order of each page by gain, or the value of what happened."""


@dataclass(frozen=True, slots=True)
class Boosted:
    """XGBoost: trained with early stopping on the tuning rows, then again on both parts.

    `learns` says what from, see OBJECTIVES. `max_trees` bounds the first training. The second one gets the best number
    of trees of the first, multiplied by `regrow`, because it has more rows.
    """

    name: str = "xgboost"
    max_trees: int = 400
    patience: int = 20
    regrow: float = 1.1
    params: Mapping[str, Any] = field(default_factory=dict)
    learns: Learns = "target"

    def fit(self, fit: Examples, tune: Examples, seed: int) -> FittedBoosted:
        """Learn; the seed decides every draw of rows and columns."""
        import xgboost as xgb

        learned = {**fit.objective.booster, **OBJECTIVES[self.learns]}
        params = {"tree_method": "hist", "nthread": 2, "verbosity": 0, **learned, **self.params, "seed": seed}
        bins = int(params.get("max_bin", 256))
        fit_rows = xgb.QuantileDMatrix(**self._rows(fit), max_bin=bins)
        tune_rows = xgb.QuantileDMatrix(**self._rows(tune), ref=fit_rows, max_bin=bins)
        probe = xgb.train(
            params,
            fit_rows,
            self.max_trees,
            evals=[(tune_rows, "tune")],
            early_stopping_rounds=self.patience,
            verbose_eval=False,
        )
        best = probe.best_iteration + 1
        all_rows = xgb.QuantileDMatrix(**self._rows(fit.beside(tune)), max_bin=bins)
        booster = xgb.train(params, all_rows, max(1, round(best * self.regrow)))
        on_tune = predicted(probe[:best], tune.matrix, fit.base) if fit.objective.acts else None
        meant = params["objective"] in PREDICTIONS
        return FittedBoosted(booster, fit.features, probabilistic=meant, base=fit.base, on_tune=on_tune)

    def _rows(self, rows: Examples) -> dict[str, Any]:
        """The rows as XGBoost takes them; those of a page have to lie together to be learned as one."""
        if self.learns == "target":
            return {"data": rows.matrix, "label": rows.to_learn, "weight": rows.weight}
        worth = rows.gain if self.learns == "order" else rows.value
        if worth is None or rows.group is None:
            lacks = "the gain of each row and its page" if self.learns == "order" else "the `value` of an outcome"
            raise DefinitionError(
                f"contender {self.name} learns the {self.learns}, which needs {lacks}: there is none. Define it, or "
                "let the contender learn the target."
            )
        if self.learns == "value":
            return {"data": rows.matrix, "label": worth}
        order = np.argsort(rows.group, kind="stable")
        return {"data": rows.matrix[order], "label": worth[order], "qid": rows.group[order]}
