"""Gradient-boosted trees of XGBoost as a scorer.

Three ways to score the 500 candidates of a request (40 features, 9 of them the user's, 300 trees of depth 6), in CPU
time of one thread, median on one machine; `flywheel bench` measures the first and the last anew:

    `forest`, loops that numba compiles                          0.10 ms    used where it gives XGBoost's scores
    XGBoost's C interface, XGBoosterPredictFromDense             1.42 ms    used where it does not; a metric says so
    XGBoost's Python interface, Booster.inplace_predict          1.50 ms    not used
"""

from ctypes import POINTER, byref, c_float, c_uint64, string_at
from pathlib import Path

import numpy as np

from infra.arrays import Float32s
from infra.release_format import BASE
from serving.model import forest, import_without_extras

ARRAY = b'{"data": [%d, true], "shape": [%d, %d], "typestr": "<f4", "version": 3}'
PREDICT = (
    b'{"type": 0, "training": false, "iteration_begin": 0, "iteration_end": 0, "missing": NaN, '
    b'"strict_shape": false, "cache_id": 0}'
)


class Trees:
    """Scored by `forest` where it can be, else by XGBoost's C interface: `by_xgboost` says so."""

    def __init__(self, path: Path) -> None:
        self._xgboost = import_without_extras.xgboost()
        self._booster = self._xgboost.Booster(model_file=str(path))
        # Without it OpenMP's threads spin between requests: 11–22 ms CPU a call instead of 1.5.
        self._booster.set_param({"nthread": 1})
        self._features, base = int(self._booster.num_features()), self._booster.attr(BASE)
        self._base = None if base is None else int(base)
        scores = forest.scores(self._booster, self._features)
        self.by_xgboost, self._score = scores is None, scores or self._by_xgboost

    def score(self, features: Float32s) -> Float32s:
        """Scores (rows,) of features (rows, features); raises ValueError for another number of features."""
        if features.shape[1] != self._features:
            raise ValueError(f"the model reads {self._features} features, the rows have {features.shape[1]}")
        scores = self._score(features.astype(np.float32, copy=False))
        return scores if self._base is None else scores + features[:, self._base]

    def contributions(self, features: Float32s) -> Float32s:
        """How much each feature moved each row's margin: (rows, features)."""
        moved = self._booster.predict(
            import_without_extras.matrix(features), pred_contribs=True, validate_features=False
        )
        return np.asarray(moved[:, :-1], dtype=np.float32)

    def _by_xgboost(self, features: Float32s) -> Float32s:
        # Rows that lack a value are put together: one of them costs the 63 rows scored with it a fifth more.
        order = np.argsort(np.isnan(features).any(axis=1), kind="stable")
        rows, core = np.ascontiguousarray(features[order]), self._xgboost.core
        array = ARRAY % (rows.__array_interface__["data"][0], *rows.shape)
        shape, rank, scores = POINTER(c_uint64)(), c_uint64(), POINTER(c_float)()
        answer = (byref(shape), byref(rank), byref(scores))
        core._check_call(core._LIB.XGBoosterPredictFromDense(self._booster.handle, array, PREDICT, None, *answer))
        in_order = np.empty(len(rows), dtype=np.float32)
        in_order[order] = np.frombuffer(string_at(scores, 4 * len(rows)), dtype=np.float32)
        return in_order
