"""The contenders of a training run, simplest first, behind one interface. A fitted one is saved as JSON or UBJ."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from infra.arrays import Float32s, Int64s
from infra.errors import DefinitionError
from infra.release_format import BASE, TREES, ColumnModel, LinearModel, RidgeModel, write_model
from training.objectives import Objective, Rank
from validation.contract import unknown

# Idle OpenMP threads sleep. By default they spin, which on shared cores costs 60 to 80 CPU s for the feed's model
# instead of 19. OpenMP reads this when scikit-learn or XGBoost loads it; so it is set before either is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows to learn from, aligned.

    matrix  (rows, features) the model's input      labels  (rows,) whether the target happened, or how much
    group   (rows,) codes of what is decided together, such as a page
    gain    (rows,) the graded worth in NDCG        value   (rows,) the sum of the values of what happened
    weight  (rows,) for how many rows each stands; None: each for itself
    """

    matrix: Float32s
    labels: Float32s
    features: tuple[str, ...]
    group: Int64s | None = None
    gain: Float32s | None = None
    value: Float32s | None = None
    weight: Float32s | None = None
    objective: Objective = field(default_factory=Rank)

    @property
    def base(self) -> int | None:
        """The column that already is a prediction, where the objective names one."""
        base = self.objective.base
        if base is None:
            return None
        if base not in self.features:
            raise DefinitionError(f"objective {self.objective.kind}: base {unknown(base, self.features)}")
        return self.features.index(base)

    @property
    def to_learn(self) -> Float32s:
        """(rows,) the labels; where there is a base, what it is off by."""
        return self.labels if self.base is None else self.labels - self.matrix[:, self.base]

    def beside(self, others: "Examples") -> "Examples":
        """These rows and others after them; groups of one are none of the other."""
        pairs = ((self.gain, others.gain), (self.value, others.value), (self.weight, others.weight))
        gain, value, weight = (None if a is None or b is None else np.concatenate([a, b]) for a, b in pairs)
        matrix, labels = np.concatenate([self.matrix, others.matrix]), np.concatenate([self.labels, others.labels])
        group = None
        if self.group is not None and others.group is not None:
            group = np.concatenate([self.group, others.group + int(self.group.max()) + 1])
        return Examples(matrix, labels, self.features, group, gain, value, weight, self.objective)


class Fitted(Protocol):
    """A fitted contender. `probabilistic`: its scores are meant as predictions of the target, such as its chance."""

    @property
    def kind(self) -> str:
        """How it is stored: column, linear, ridge or xgboost."""

    @property
    def probabilistic(self) -> bool:
        """Whether a score is a prediction of the target."""

    @property
    def on_tune(self) -> Float32s | None:
        """(tuning rows,) the scores of the same contender before it learned from these rows; None: they are as now."""

    def scores(self, matrix: Float32s) -> Float32s:
        """One score a row; a higher one ranks higher."""

    def save(self, folder: Path) -> Path:
        """Write the model into a folder; returns the file."""

    def importance(self) -> Mapping[str, float]:
        """How much each feature that matters counts, in the contender's own measure."""


class Contender(Protocol):
    """A kind of ranker that can be fitted."""

    @property
    def name(self) -> str:
        """Its name in every report."""

    def fit(self, fit: Examples, tune: Examples, seed: int) -> Fitted:
        """Learn from `fit`; `tune` may choose when to stop."""


@dataclass(frozen=True, slots=True)
class FittedColumn:
    """One column of the input, upright or reversed; rows without a value come last."""

    feature: str
    index: int
    sign: float
    probabilistic: bool
    kind: str = "column"
    on_tune: Float32s | None = None

    def scores(self, matrix: Float32s) -> Float32s:
        """One score a row; a higher one ranks higher."""
        lowest = 0.0 if self.probabilistic else -1e9
        scores: Float32s = np.nan_to_num(matrix[:, self.index] * np.float32(self.sign), nan=lowest)
        return scores

    def save(self, folder: Path) -> Path:
        """Write `model.json`."""
        missing = 0.0 if self.probabilistic else -1e9
        model = ColumnModel(feature=self.feature, index=self.index, sign=self.sign, missing=missing)
        return write_model(folder, model)

    def importance(self) -> Mapping[str, float]:
        """The one feature."""
        return {self.feature: 1.0}


@dataclass(frozen=True, slots=True)
class ByColumn:
    """Goes by one feature, such as popularity or age. `probability`: it is a prediction of the target itself."""

    name: str
    feature: str
    descending: bool = True
    probability: bool = False

    def fit(self, fit: Examples, tune: Examples, seed: int) -> FittedColumn:
        """Nothing to learn: find the column."""
        if self.feature not in fit.features:
            raise DefinitionError(f"contender {self.name}: feature {unknown(self.feature, fit.features)}")
        sign = 1.0 if self.descending else -1.0
        return FittedColumn(self.feature, fit.features.index(self.feature), sign, self.probability)


@dataclass(frozen=True, slots=True)
class FittedLinear:
    """A line, intercept + coefficients · ((x or fill) − mean) / scale: of a chance its logit, of a number itself.

    `base` is the column that a number is added to.
    """

    features: tuple[str, ...]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercept: float
    kind: Literal["linear", "ridge"] = "linear"
    base: int | None = None
    probabilistic: bool = True
    on_tune: Float32s | None = None

    def scores(self, matrix: Float32s) -> Float32s:
        """One probability, or number, a row."""
        filled = np.where(np.isnan(matrix), self.mean, matrix)
        line = self.intercept + ((filled - self.mean) / self.scale) @ self.coefficients
        if self.kind == "ridge":
            return line.astype(np.float32) if self.base is None else line.astype(np.float32) + matrix[:, self.base]
        scores: Float32s = (1.0 / (1.0 + np.exp(-line))).astype(np.float32)
        return scores

    def save(self, folder: Path) -> Path:
        """Write `model.json`."""
        mean, scale, weights = (values.tolist() for values in (self.mean, self.scale, self.coefficients))
        line = {"intercept": self.intercept, "mean": mean, "scale": scale, "fill": mean, "coefficients": weights}
        return write_model(folder, RidgeModel(base=self.base, **line) if self.kind == "ridge" else LinearModel(**line))

    def importance(self) -> Mapping[str, float]:
        """Size of each coefficient, in standard deviations of its feature."""
        return dict(zip(self.features, np.abs(self.coefficients).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Linear:
    """A regression on standardised features: logistic of chances, ridge of numbers; a missing value counts as mean."""

    name: str = "logistic_regression"
    strength: float = 1.0

    def fit(self, fit: Examples, tune: Examples, seed: int) -> FittedLinear:
        """Learn from both parts: there is nothing to tune. An operating point needs it without the tuning rows, too."""
        fitted = self._fitted(fit.beside(tune))
        if fit.objective.kind != "classify":
            return fitted
        return replace(fitted, on_tune=self._fitted(fit).scores(tune.matrix))

    def _fitted(self, rows: Examples) -> FittedLinear:
        from sklearn.linear_model import LogisticRegression, Ridge

        matrix = rows.matrix.copy()  # standardised in place
        unknown = np.isnan(matrix)
        matrix[unknown] = 0.0
        mean = matrix.sum(axis=0, dtype=np.float64) / np.maximum((~unknown).sum(axis=0), 1)
        matrix -= mean.astype(np.float32)
        matrix[unknown] = 0.0
        scale = np.sqrt(np.square(matrix).mean(axis=0, dtype=np.float64))
        scale = np.where(scale > 1e-9, scale, 1.0)
        matrix /= scale.astype(np.float32)
        standardised, weight = matrix.astype(np.float64), rows.weight
        if rows.objective.link == "identity":
            line = Ridge(alpha=1.0 / self.strength).fit(standardised, rows.to_learn, weight)
            coefficients, intercept = np.asarray(line.coef_, dtype=np.float64), float(line.intercept_)
            return FittedLinear(rows.features, mean, scale, coefficients, intercept, "ridge", rows.base)
        model = LogisticRegression(C=self.strength, max_iter=200, tol=1e-3).fit(standardised, rows.labels, weight)
        return FittedLinear(rows.features, mean, scale, model.coef_[0].astype(np.float64), float(model.intercept_[0]))


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
        on_tune = predicted(probe[:best], tune.matrix, fit.base) if fit.objective.kind == "classify" else None
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
