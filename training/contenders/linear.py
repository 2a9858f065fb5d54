"""Regressions on standardised features."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from infra.arrays import Float32s
from infra.release_format import LinearModel, RidgeModel, write_model
from training.contenders.examples import Examples


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
        if not fit.objective.acts:
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
