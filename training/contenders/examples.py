"""The rows that contenders learn from, and what every contender and every fitted one can do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from infra.arrays import Float32s, Int64s
from infra.errors import DefinitionError
from training.objectives import Objective, Rank
from validation.contract import unknown


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
