"""What every objective says: what a unit is, what it is worth that a model decided it so, and what else is measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from infra.arrays import AnyArray
from training.objectives.measures import Measure


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows to judge as arrays, aligned. Codes count from 0.

    units, clusters  how many codes there are
    unit     (rows,) what is decided at once, such as a page or a case
    cluster  (rows,) whose rows are no independent evidence, such as a user's; intervals draw clusters
    truth    (rows,) what happened: whether, or how much
    columns  role → (rows,) the other columns that the objective reads
    """

    units: int
    clusters: int
    unit: AnyArray
    cluster: AnyArray
    truth: AnyArray
    columns: Mapping[str, AnyArray] = field(default_factory=dict)

    def only(self, rows: AnyArray) -> "Judged":
        """The rows for which the mask holds; codes stay the same, so that draws of clusters fit both."""
        columns = {role: values[rows] for role, values in self.columns.items()}
        return Judged(self.units, self.clusters, self.unit[rows], self.cluster[rows], self.truth[rows], columns)

    @property
    def owner(self) -> AnyArray:
        """(units,) the cluster of each unit."""
        owner = np.zeros(self.units, dtype=np.int64)
        owner[self.unit] = self.cluster
        return owner

    def by_unit(self, values: AnyArray) -> AnyArray:
        """(units,) the mean of the rows' values in each unit, NaN for a unit without rows."""
        with np.errstate(invalid="ignore"):
            sums = np.bincount(self.unit, weights=values, minlength=self.units)
            return np.asarray(sums / np.bincount(self.unit, minlength=self.units))


class Objective(Protocol):
    """What a model is to be good at. Gates compare the merits of two contenders unit by unit.

    `predicted` is what the model says of each row: (rows,), or (rows, k) where the objective asks for k numbers.
    """

    @property
    def merit(self) -> str:
        """The name of the measure that is the mean merit of the units; higher is better."""

    @property
    def roles(self) -> Mapping[str, str]:
        """Role → the column of the decisions or their labels that plays it."""

    @property
    def booster(self) -> Mapping[str, object]:
        """What XGBoost is told to learn."""

    def operating_point(self, tuned_on: Judged, predicted: AnyArray) -> float | None:
        """The prediction from which a contender acts, chosen on the tuning rows; None where nothing is chosen."""

    def merits(self, judged: Judged, predicted: AnyArray, point: float | None) -> AnyArray:
        """(units,) what each unit is worth as the model decides it; NaN where every decision is as good."""

    def measures(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """The other measures by name, each a function of how often every cluster is drawn."""

    def miscalibration(self, judged: Judged, predicted: AnyArray) -> Measure | None:
        """How far what is predicted lies from what happened, 0 is best; None where the objective predicts nothing."""
