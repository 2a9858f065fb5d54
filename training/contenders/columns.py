"""One column of the input as a contender."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infra.arrays import Float32s
from infra.errors import DefinitionError
from infra.release_format import ColumnModel, write_model
from training.contenders.examples import Examples
from validation.contract import unknown


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
