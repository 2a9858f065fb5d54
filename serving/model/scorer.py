"""Scorers, which are all that the online path knows of a model: features in, scores and their reasons out."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from infra import loops
from infra.arrays import Float32s
from infra.errors import ReleaseMismatch
from infra.release_format import TREES, ColumnModel, LinearModel, RidgeModel, read_model
from serving.model import import_without_extras
from serving.model.trees import Trees


class Scorer(Protocol):
    """Turns features into scores; the higher the better."""

    def score(self, features: Float32s) -> Float32s:
        """Scores (rows,) of features (rows, features)."""
        ...

    def contributions(self, features: Float32s) -> Float32s:
        """How much each feature moved each row's score: (rows, features)."""
        ...


class LinearScorer:
    """A linear regression: of a chance its logit, of a number itself, added to its base."""

    def __init__(self, model: LinearModel | RidgeModel) -> None:
        self._ridge = model if isinstance(model, RidgeModel) else None
        self._mean = np.asarray(model.mean)
        self._weights = np.asarray(model.coefficients) / np.asarray(model.scale)
        self._fill = np.asarray(model.fill)
        self._intercept = model.intercept

    def score(self, features: Float32s) -> Float32s:
        """Probabilities, or numbers, (rows,) of features (rows, features)."""
        margin = self._parts(features).sum(axis=1) + self._intercept
        if self._ridge is not None:
            base = 0.0 if self._ridge.base is None else features[:, self._ridge.base]
            return np.asarray(margin.astype(np.float32) + base, dtype=np.float32)
        return np.asarray(1.0 / (1.0 + np.exp(-margin)), dtype=np.float32)

    def contributions(self, features: Float32s) -> Float32s:
        """How much each feature moved each row's margin: (rows, features)."""
        return self._parts(features).astype(np.float32)

    def _parts(self, features: Float32s) -> NDArray[np.float64]:
        filled = np.where(np.isnan(features), self._fill, features)
        return np.asarray((filled - self._mean) * self._weights, dtype=np.float64)


class ColumnScorer:
    """A ranking by one feature."""

    def __init__(self, model: ColumnModel) -> None:
        self._model = model

    def score(self, features: Float32s) -> Float32s:
        """Scores (rows,) of features (rows, features)."""
        ranked: Float32s = features[:, self._model.index] * np.float32(self._model.sign)
        return np.nan_to_num(ranked, nan=self._model.missing)

    def contributions(self, features: Float32s) -> Float32s:
        """All of the score is the one feature's."""
        moved = np.zeros_like(features)
        moved[:, self._model.index] = self.score(features)
        return moved


def prepare() -> None:
    """Import XGBoost and compile the loops: a release of trees would have to wait for both."""
    import_without_extras.xgboost()
    loops.prepare()


def is_slow(scorer: Scorer) -> bool:
    """Whether XGBoost scores its own trees, for ten times the CPU of `forest`."""
    return isinstance(scorer, Trees) and scorer.by_xgboost


def load_scorer(kind: str, folder: Path) -> Scorer:
    """The scorer of a release folder; raises ReleaseMismatch for a kind this checkout cannot score."""
    match kind:
        case "xgboost":
            return Trees(folder / TREES)
        case "linear":
            return LinearScorer(read_model(folder, LinearModel))
        case "ridge":
            return LinearScorer(read_model(folder, RidgeModel))
        case "column":
            return ColumnScorer(read_model(folder, ColumnModel))
    raise ReleaseMismatch(
        f"release {folder.name}: model kind `{kind}` is not xgboost, linear, ridge or column. Update this checkout."
    )
