"""The rankers that compete, simplest first, behind one interface. A fitted one is saved as JSON or UBJ."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from infra.arrays import Float32s
from infra.errors import DefinitionError
from infra.release_format import TREES, ColumnModel, LinearModel, write_model
from validation.contract import unknown

# Idle OpenMP threads sleep. By default they spin, which on shared cores costs 60 to 80 CPU s for the feed's model
# instead of 19. OpenMP reads this when scikit-learn or XGBoost loads it; so it is set before either is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows to learn from: the model's input (rows, features) and whether the target happened (rows,)."""

    matrix: Float32s
    labels: Float32s
    features: tuple[str, ...]


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
    """Gradient-boosted trees; scores are probabilities of the target."""

    booster: Any
    features: tuple[str, ...]
    kind: str = "xgboost"
    probabilistic: bool = True

    def scores(self, matrix: Float32s) -> Float32s:
        """One probability a row."""
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


@dataclass(frozen=True, slots=True)
class Boosted:
    """XGBoost on the target's log loss: trained with early stopping on the tuning rows, then again on both parts.

    `max_trees` bounds the first training. The second one gets the best number of trees of the first, multiplied by
    `regrow`, because it has more rows.
    """

    name: str = "xgboost"
    max_trees: int = 400
    patience: int = 20
    regrow: float = 1.1
    params: Mapping[str, Any] = field(default_factory=dict)

    def fit(self, fit: Examples, tune: Examples, seed: int) -> FittedBoosted:
        """Learn; the seed decides every draw of rows and columns."""
        import xgboost as xgb

        params = {
            "objective": "binary:logistic",
            "tree_method": "hist",
            "nthread": 2,
            "eval_metric": "logloss",
            "verbosity": 0,
            **self.params,
            "seed": seed,
        }
        bins = int(params.get("max_bin", 256))
        fit_rows = xgb.QuantileDMatrix(fit.matrix, fit.labels, max_bin=bins)
        tune_rows = xgb.QuantileDMatrix(tune.matrix, tune.labels, ref=fit_rows, max_bin=bins)
        probe = xgb.train(
            params,
            fit_rows,
            self.max_trees,
            evals=[(tune_rows, "tune")],
            early_stopping_rounds=self.patience,
            verbose_eval=False,
        )
        trees = max(1, round((probe.best_iteration + 1) * self.regrow))
        matrix, labels = np.concatenate([fit.matrix, tune.matrix]), np.concatenate([fit.labels, tune.labels])
        all_rows = xgb.QuantileDMatrix(matrix, labels, max_bin=bins)
        return FittedBoosted(xgb.train(params, all_rows, trees), fit.features)
