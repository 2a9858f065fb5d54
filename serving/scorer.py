"""Scorers: float32 features in, float32 scores out, and why. Everything a model is to the online path."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, byref, c_float, c_uint64, string_at
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import Floats
from validation.errors import ReleaseMismatch

# xgboost imports these when it finds them: 140 MiB and 2 s that scoring has no use for.
NOT_FOR_SCORING = ("sklearn", "pandas", "pyarrow", "dask", "cudf", "cupy", "matplotlib")

GIVEN = b'{"data": [%d, true], "shape": [%d, %d], "typestr": "<f4", "version": 3}'
PREDICT = (
    b'{"type": 0, "training": false, "iteration_begin": 0, "iteration_end": 0, "missing": NaN, '
    b'"strict_shape": false, "cache_id": 0}'
)


class Scorer(Protocol):
    """Turns features into scores; the higher the better."""

    def score(self, features: Floats) -> Floats:
        """Scores (rows,) of features (rows, features)."""
        ...

    def contributions(self, features: Floats) -> Floats:
        """How much each feature moved each row's score: (rows, features)."""
        ...


class Trees:
    """Gradient-boosted trees of XGBoost.

    Scores come from XGBoost's C interface: its Python call spends 0.1 ms a request on finding out what it was given.
    Rows that lack a value stand together: one of them costs the 63 rows scored beside it a fifth more.
    """

    def __init__(self, path: Path) -> None:
        self._xgboost = lean_xgboost()
        self._booster = self._xgboost.Booster(model_file=str(path))
        # Open, OpenMP's threads spin between requests: 11–22 ms CPU a call instead of 1.5.
        self._booster.set_param({"nthread": 1})

    def score(self, features: Floats) -> Floats:
        """Scores (rows,) of features (rows, features); raises XGBoostError for another number of features."""
        order = np.argsort(np.isnan(features).any(axis=1), kind="stable")
        given, core = np.ascontiguousarray(features[order], dtype=np.float32), self._xgboost.core
        place = GIVEN % (given.__array_interface__["data"][0], *given.shape)
        shape, rank, scores = POINTER(c_uint64)(), c_uint64(), POINTER(c_float)()
        answer = (byref(shape), byref(rank), byref(scores))
        core._check_call(core._LIB.XGBoosterPredictFromDense(self._booster.handle, place, PREDICT, None, *answer))
        found = np.empty(len(given), dtype=np.float32)
        found[order] = np.frombuffer(string_at(scores, 4 * len(given)), dtype=np.float32)
        return found

    def contributions(self, features: Floats) -> Floats:
        """How much each feature moved each row's margin: (rows, features)."""
        given = self._xgboost.DMatrix(features, nthread=1)
        moved = self._booster.predict(given, pred_contribs=True, validate_features=False)
        return np.asarray(moved[:, :-1], dtype=np.float32)


class LinearModel(msgspec.Struct, frozen=True):
    """A logistic regression as model.json writes it: missing values are filled, then standardised."""

    mean: list[float]
    scale: list[float]
    fill: list[float]
    coefficients: list[float]
    intercept: float


class Linear:
    """A logistic regression."""

    def __init__(self, model: LinearModel) -> None:
        self._mean = np.asarray(model.mean)
        self._weights = np.asarray(model.coefficients) / np.asarray(model.scale)
        self._fill = np.asarray(model.fill)
        self._intercept = model.intercept

    def score(self, features: Floats) -> Floats:
        """Probabilities (rows,) of features (rows, features)."""
        margin = self._parts(features).sum(axis=1) + self._intercept
        return np.asarray(1.0 / (1.0 + np.exp(-margin)), dtype=np.float32)

    def contributions(self, features: Floats) -> Floats:
        """How much each feature moved each row's margin: (rows, features)."""
        return self._parts(features).astype(np.float32)

    def _parts(self, features: Floats) -> NDArray[np.float64]:
        known = np.where(np.isnan(features), self._fill, features)
        return np.asarray((known - self._mean) * self._weights, dtype=np.float64)


class ColumnModel(msgspec.Struct, frozen=True):
    """A ranking by one feature as model.json writes it; `missing` is the score of rows without a value."""

    index: int
    sign: float
    missing: float


class Column:
    """A ranking by one feature."""

    def __init__(self, model: ColumnModel) -> None:
        self._model = model

    def score(self, features: Floats) -> Floats:
        """Scores (rows,) of features (rows, features)."""
        ranked: Floats = features[:, self._model.index] * np.float32(self._model.sign)
        return np.nan_to_num(ranked, nan=self._model.missing)

    def contributions(self, features: Floats) -> Floats:
        """All of the score is the one feature's."""
        moved = np.zeros_like(features)
        moved[:, self._model.index] = self.score(features)
        return moved


def load(kind: str, folder: Path) -> Scorer:
    """The scorer of a release folder; raises ReleaseMismatch for a kind this checkout cannot score."""
    match kind:
        case "xgboost":
            return Trees(folder / "model.ubj")
        case "linear":
            return Linear(msgspec.json.decode((folder / "model.json").read_bytes(), type=LinearModel))
        case "column":
            return Column(msgspec.json.decode((folder / "model.json").read_bytes(), type=ColumnModel))
    raise ReleaseMismatch(
        f"release {folder.name}: model kind `{kind}` is not xgboost, linear or column. Update this checkout."
    )


def lean_xgboost() -> Any:
    """The xgboost module without the packages it would draw in."""
    with _hidden(NOT_FOR_SCORING):
        import xgboost
    return xgboost


@contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None makes an import fail, as if it were not installed
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
