"""What every objective says: what a unit is, what it is worth that a model decided it so, and what else is measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np

from infra.arrays import AnyArray
from training.objectives.measures import Measure, mean

Link = Literal["logit", "identity"]
DAY, MINUTE = "day", "minute"  # columns that all judged rows have: the day of a decision, and its minute, as numbers


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows to judge as arrays, aligned. Codes count from 0.

    units, clusters  how many codes there are
    unit     (rows,) what is decided at once, such as a page or a case
    cluster  (rows,) whose rows are no independent evidence, such as a user's; intervals draw clusters
    truth    (rows,) what happened: whether, or how much
    columns  role → (rows,) the other columns that the objective reads
    weight   (rows,) for how many rows each stands, where not every row's label is known; None: each for itself
    slices   slicing → (rows,) names       exposed  the same, for the shares of exposure
    """

    units: int
    clusters: int
    unit: AnyArray
    cluster: AnyArray
    truth: AnyArray
    columns: Mapping[str, AnyArray] = field(default_factory=dict)
    weight: AnyArray | None = None
    slices: Mapping[str, AnyArray] = field(default_factory=dict)
    exposed: Mapping[str, AnyArray] = field(default_factory=dict)

    def only(self, rows: AnyArray) -> "Judged":
        """The rows for which the mask holds; codes stay the same, so that draws of clusters fit both."""
        return replace(
            self,
            unit=self.unit[rows],
            cluster=self.cluster[rows],
            truth=self.truth[rows],
            columns={role: values[rows] for role, values in self.columns.items()},
            weight=None if self.weight is None else self.weight[rows],
            slices={},
            exposed={},
        )

    @property
    def owner(self) -> AnyArray:
        """(units,) the cluster of each unit."""
        owner = np.zeros(self.units, dtype=np.int64)
        owner[self.unit[::-1]] = self.cluster[::-1]
        return owner

    def by_unit(self, values: AnyArray) -> AnyArray:
        """(units,) the mean of the rows' values in each unit, NaN for a unit without rows."""
        with np.errstate(invalid="ignore"):
            sums = np.bincount(self.unit, weights=values, minlength=self.units)
            return np.asarray(sums / np.bincount(self.unit, minlength=self.units))

    def mean(self, values: AnyArray) -> Measure:
        """The mean of the rows' finite values, each as often as its row stands for."""
        return mean(values, self.cluster, self.clusters, self.weight)

    def weighed(self, merits: AnyArray) -> AnyArray:
        """(units,) merits times for how many units each stands: their mean is that of all units, labelled or not."""
        if self.weight is None:
            return merits
        weight, known = self.by_unit(self.weight), np.isfinite(merits)
        return np.asarray(merits * weight / weight[known].mean()) if known.any() else merits


@dataclass(frozen=True, slots=True)
class Curve:
    """A line to look at, with the point on it that was chosen."""

    title: str
    x_label: str
    y_label: str
    x: AnyArray
    y: AnyArray
    chosen: tuple[float, float] | None = None


class Objective(Protocol):
    """What a model is to be good at. Gates compare the merits of two contenders unit by unit.

    `predicted` is what the model says of each row: (rows,), or (rows, k) where the objective asks for k numbers.
    """

    @property
    def kind(self) -> str:
        """Its name in verdicts: it decides which gates are asked."""

    @property
    def merit(self) -> str:
        """The name of the measure that is the mean merit of the units; higher is better."""

    @property
    def calibration(self) -> str:
        """The name of the measure that says how far predictions lie from what happens; empty where nothing is said."""

    @property
    def acts(self) -> bool:
        """Whether contenders act from a score on, which is chosen on the tuning rows."""

    @property
    def link(self) -> Link:
        """Whether a linear model says a chance or a number."""

    @property
    def base(self) -> str | None:
        """The feature that already is a prediction, of which models learn what it is off by."""

    @property
    def roles(self) -> Mapping[str, str]:
        """Role → the column of the labels, or the feature, that plays it."""

    @property
    def booster(self) -> Mapping[str, Any]:
        """What XGBoost is told to learn."""

    def operating_point(self, tuned_on: Judged, predicted: AnyArray) -> float | None:
        """The prediction from which a contender acts, chosen on the tuning rows; None where nothing is chosen."""

    def merits(self, judged: Judged, predicted: AnyArray, point: float | None) -> AnyArray:
        """(units,) what each unit is worth as the model decides it; NaN where every decision is as good."""

    def perfect(self, judged: Judged) -> AnyArray:
        """(units,) the merit of whoever knows what will happen."""

    def happened(self, judged: Judged) -> AnyArray:
        """(rows,) whether the target happened; of a number, whether it is above what is usual or was expected."""

    def measures(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """The measures of all rows and of each slice, beside the merit: functions of how often clusters are drawn."""

    def of_all(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """The measures that are of all rows together only."""

    def of_predictions(self, judged: Judged, predicted: AnyArray) -> Iterator[tuple[str, Measure]]:
        """The measures of a contender whose scores are meant as predictions, such as its calibration."""

    def curves(self, judged: Judged, predicted: AnyArray, point: float | None) -> Mapping[str, Curve]:
        """Lines to look at, by name."""
