"""Choice: one of several actions, judged from what other choices led to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from infra.arrays import AnyArray
from infra.statistics import Weights
from training.objectives import measures
from training.objectives.measures import Measure
from training.objectives.objective import Curve, Judged, Link


@dataclass(frozen=True, slots=True)
class Choose:
    """One of several actions, such as a price level. A unit is a decision, its merit the doubly robust value.

    Dudík, Langford and Li 2011: the model's estimate of the action it would take, corrected where the log took the same
    action by what really followed, over the logged propensity. Predictions are (rows, actions), the value expected of
    each; `action` and `propensity` are columns of the log.
    """

    actions: tuple[str, ...]
    action: str = "action"
    propensity: str = "propensity"
    kind: str = "choose"
    acts: bool = False
    calibration: str = "propensity_error"
    merit: str = "doubly_robust_value"
    link: Link = "identity"
    base: str | None = None

    @property
    def roles(self) -> Mapping[str, str]:
        """What the log says was done, and how likely that was."""
        return {"action": self.action, "propensity": self.propensity}

    @property
    def booster(self) -> Mapping[str, object]:
        """The value of an action, which is one of the features."""
        return {"objective": "reg:squarederror", "eval_metric": "rmse"}

    def operating_point(self, tuned_on: Judged, predicted: AnyArray) -> None:
        """A choice has none."""

    def merits(self, judged: Judged, predicted: AnyArray, point: float | None) -> AnyArray:
        """The doubly robust value of each decision."""
        rows, action, weight = np.arange(len(judged.truth)), _action(judged), self._weight(judged, predicted)
        expected, said = predicted.max(axis=1), predicted[rows, np.clip(action, 0, len(self.actions) - 1)]
        return judged.by_unit(expected + weight * (judged.truth - said))

    def perfect(self, judged: Judged) -> AnyArray:
        """The best that followed any decision: nobody knows what the other actions would have led to."""
        return np.full(judged.units, float(judged.truth.max(initial=0.0)))

    def happened(self, judged: Judged) -> AnyArray:
        """Whether what followed was worth more than usual."""
        return np.asarray(judged.truth > np.median(judged.truth)) if len(judged.truth) else np.zeros(0, dtype=bool)

    def measures(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """The estimate without a model, the effective share of the rows, and how often the log agrees."""
        weighed = self._weight(judged, predicted)
        weight, agrees = np.nan_to_num(weighed), np.where(np.isnan(weighed), np.nan, weighed > 0)
        sums = {
            name: np.bincount(judged.cluster, weights=values, minlength=judged.clusters)
            for name, values in (("w", weight), ("wy", weight * judged.truth), ("ww", weight**2))
        }
        yield "self_normalised_value", measures.ratio(sums["wy"], sums["w"])
        yield "agreement", measures.mean(agrees, judged.cluster, judged.clusters)
        rows = np.bincount(judged.cluster[~np.isnan(weighed)], minlength=judged.clusters)

        def effective(weights: Weights) -> AnyArray:
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.asarray((weights @ sums["w"]) ** 2 / ((weights @ sums["ww"]) * (weights @ rows)))

        yield "effective_share", effective

    def of_all(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """Nothing more."""
        return iter(())

    def of_predictions(self, judged: Judged, predicted: AnyArray) -> Iterator[tuple[str, Measure]]:
        """|mean of 1 / propensity of the rows that took an action, over all actions, − 1|: logged chances add up."""
        logged = judged.columns["propensity"]
        weight = 1 / np.where(logged > 0, logged, np.nan) / len(self.actions)
        chance = measures.mean(weight.astype(np.float64), judged.cluster, judged.clusters)

        def measure(weights: Weights) -> AnyArray:
            return np.asarray(np.abs(chance(weights) - 1))

        yield self.calibration, measure

    def curves(self, judged: Judged, predicted: AnyArray, point: float | None) -> Mapping[str, Curve]:
        """None."""
        return {}

    def _weight(self, judged: Judged, predicted: AnyArray) -> AnyArray:
        """(rows,) 1 / propensity where the log took the action that the model would, else 0; NaN where it says neither.

        Of any model's choice: contenders are compared on the same decisions.
        """
        logged, action = judged.columns["propensity"], _action(judged)
        is_logged = (logged > 0) & (action >= 0) & (action < len(self.actions))
        same = predicted.argmax(axis=1) == action
        return np.where(is_logged, np.where(same, 1 / np.where(is_logged, logged, 1.0), 0.0), np.nan)


def _action(judged: Judged) -> AnyArray:
    return np.asarray(judged.columns["action"], dtype=np.int64)
