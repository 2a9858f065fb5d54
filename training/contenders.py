"""The rankers that compete, simplest first, behind one interface. A fitted one is saved as JSON or UBJ."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from infra.arrays import Float32s, Int64s
from infra.errors import DefinitionError
from infra.release_format import TREES, ColumnModel, LinearModel, write_model
from validation.contract import unknown

# Idle OpenMP threads sleep. By default they spin, which on shared cores costs 60 to 80 CPU s for the feed's model
# instead of 19. OpenMP reads this when scikit-learn or XGBoost loads it; so it is set before either is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows to learn from, aligned.

    matrix  (rows, features) the model's input      labels  (rows,) whether the target happened
    group   (rows,) codes of what is ranked together, such as a page
    gain    (rows,) the graded worth in NDCG        value   (rows,) the sum of the values of what happened
    """

    matrix: Float32s
    labels: Float32s
    features: tuple[str, ...]
    group: Int64s | None = None
    gain: Float32s | None = None
    value: Float32s | None = None

    def beside(self, others: "Examples") -> "Examples":
        """These rows and others after them; groups of one are none of the other."""
        pairs = ((self.gain, others.gain), (self.value, others.value))
        gain, value = (None if a is None or b is None else np.concatenate([a, b]) for a, b in pairs)
        matrix, labels = np.concatenate([self.matrix, others.matrix]), np.concatenate([self.labels, others.labels])
        group = None
        if self.group is not None and others.group is not None:
            group = np.concatenate([self.group, others.group + int(self.group.max()) + 1])
        return Examples(matrix, labels, self.features, group, gain, value)


class Fitted(Protocol):
    """A fitted contender. `probabilistic`: its scores are meant as probabilities of the target."""

    @property
    def kind(self) -> str:
        """How it is stored: column, linear or xgboost."""

    @property
    def probabilistic(self) -> bool:
        """Whether a score is a probability."""

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
    """Ranks by one feature, such as popularity or age. `probability`: the feature is a rate of the target itself."""

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
    """Logistic regression: 1 / (1 + exp(−(intercept + coefficients · ((x or fill) − mean) / scale)))."""

    features: tuple[str, ...]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercept: float
    kind: str = "linear"
    probabilistic: bool = True

    def scores(self, matrix: Float32s) -> Float32s:
        """One probability a row."""
        filled = np.where(np.isnan(matrix), self.mean, matrix)
        logit = self.intercept + ((filled - self.mean) / self.scale) @ self.coefficients
        scores: Float32s = (1.0 / (1.0 + np.exp(-logit))).astype(np.float32)
        return scores

    def save(self, folder: Path) -> Path:
        """Write `model.json`."""
        mean, scale, weights = (values.tolist() for values in (self.mean, self.scale, self.coefficients))
        model = LinearModel(intercept=self.intercept, mean=mean, scale=scale, fill=mean, coefficients=weights)
        return write_model(folder, model)

    def importance(self) -> Mapping[str, float]:
        """Size of each coefficient, in standard deviations of its feature."""
        return dict(zip(self.features, np.abs(self.coefficients).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Linear:
    """Logistic regression on standardised features; a missing value counts as the mean."""

    name: str = "logistic_regression"
    strength: float = 1.0

    def fit(self, fit: Examples, tune: Examples, seed: int) -> FittedLinear:
        """Learn from both parts: there is nothing to tune."""
        from sklearn.linear_model import LogisticRegression

        matrix = np.concatenate([fit.matrix, tune.matrix])  # a copy of its own, standardised in place
        labels = np.concatenate([fit.labels, tune.labels])
        unknown = np.isnan(matrix)
        matrix[unknown] = 0.0
        mean = matrix.sum(axis=0, dtype=np.float64) / np.maximum((~unknown).sum(axis=0), 1)
        matrix -= mean.astype(np.float32)
        matrix[unknown] = 0.0
        scale = np.sqrt(np.square(matrix).mean(axis=0, dtype=np.float64))
        scale = np.where(scale > 1e-9, scale, 1.0)
        matrix /= scale.astype(np.float32)
        model = LogisticRegression(C=self.strength, max_iter=200, tol=1e-3).fit(matrix.astype(np.float64), labels)
        return FittedLinear(fit.features, mean, scale, model.coef_[0].astype(np.float64), float(model.intercept_[0]))


@dataclass(frozen=True, slots=True)
class FittedBoosted:
    """Gradient-boosted trees. Scores are probabilities of the target where that is what was learned."""

    booster: Any
    features: tuple[str, ...]
    kind: str = "xgboost"
    probabilistic: bool = True

    def scores(self, matrix: Float32s) -> Float32s:
        """One score a row; a higher one ranks higher."""
        scores: Float32s = np.asarray(self.booster.inplace_predict(matrix), dtype=np.float32)
        return scores

    def save(self, folder: Path) -> Path:
        """Write `model.ubj`."""
        path = folder / TREES
        self.booster.save_model(path)
        return path

    def importance(self) -> Mapping[str, float]:
        """Gain of each feature that some tree splits on."""
        gains = self.booster.get_score(importance_type="gain")
        return {self.features[int(name.removeprefix("f"))]: float(gain) for name, gain in gains.items()}


PROBABILITIES = ("binary:logistic",)  # XGBoost's objectives whose scores are probabilities
Learns = Literal["target", "order", "value"]
OBJECTIVES: Mapping[Learns, Mapping[str, Any]] = {
    "target": {"objective": "binary:logistic", "eval_metric": "logloss"},
    # LambdaMART (Burges 2010); the worth of a row is its gain itself, as in the NDCG that models are judged by.
    "order": {"objective": "rank:ndcg", "eval_metric": "ndcg@10", "ndcg_exp_gain": False},
    "value": {"objective": "reg:squarederror", "eval_metric": "rmse"},
}
"""What XGBoost learns from: the target's log loss, the order of each page by gain, or the value of what happened."""


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

        params = {"tree_method": "hist", "nthread": 2, "verbosity": 0, **OBJECTIVES[self.learns], **self.params,
                  "seed": seed}  # fmt: skip
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
        trees = max(1, round((probe.best_iteration + 1) * self.regrow))
        all_rows = xgb.QuantileDMatrix(**self._rows(fit.beside(tune)), max_bin=bins)
        booster = xgb.train(params, all_rows, trees)
        return FittedBoosted(booster, fit.features, probabilistic=params["objective"] in PROBABILITIES)

    def _rows(self, rows: Examples) -> dict[str, Any]:
        """The rows as XGBoost takes them; those of a page have to lie together to be learned as one."""
        if self.learns == "target":
            return {"data": rows.matrix, "label": rows.labels}
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
