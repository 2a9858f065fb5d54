"""How good a contender is on the judged rows: measures with bootstrap intervals, overall and by slice."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from infra.arrays import AnyArray
from infra.statistics import Weights, percentiles
from training.objectives import Judged, Measure, Objective, mean


@dataclass(frozen=True, slots=True)
class MeasureValue:
    """One measure: its value, its 95 % interval, and its value on each draw, from which the interval is computed."""

    value: float
    low: float
    high: float
    samples: AnyArray

    @classmethod
    def of(cls, value: float, samples: AnyArray) -> "MeasureValue":
        """A measure with the interval of its values on the draws."""
        return cls(float(value), *percentiles(samples, 0.025, 0.975), samples)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All measures of one contender, with the merit of each unit (NaN where it has none), overall and by slice."""

    measures: Mapping[str, MeasureValue]
    merits: AnyArray
    slices: Mapping[str, Mapping[str, "Evaluation"]]
    facts: Mapping[str, int]

    def summary(self) -> dict[str, Any]:
        """The measures as plain numbers: `auc`, `auc_low`, `auc_high`, …; null where there is nothing to measure."""
        flat: dict[str, Any] = dict(self.facts)
        for name, measured in self.measures.items():
            for end, value in (("", measured.value), ("_low", measured.low), ("_high", measured.high)):
                flat[name + end] = value if np.isfinite(value) else None
        return flat


@dataclass(frozen=True, slots=True)
class Said:
    """What one contender says of the judged rows.

    scores       (rows,) as it would be served
    predictions  (rows,) of the target from all logged values; None where the scores are no predictions
    point        the score from which it acts, where its objective acts
    """

    scores: AnyArray
    predictions: AnyArray | None = None
    point: float | None = None


def evaluate(objective: Objective, judged: Judged, said: Said, weights: Weights) -> Evaluation:
    """Judge one contender.

    weights  (draws, clusters): how often each cluster is drawn. The same weights for every contender make their
             intervals comparable pairwise.
    """
    more = dict(() if said.predictions is None else objective.of_predictions(judged, said.predictions))
    more |= dict(objective.of_all(judged, said.scores, said.point))
    overall = _measured(objective, judged, said.scores, said.point, weights, more)
    slices = {name: dict(_slices(objective, judged, said, words, weights)) for name, words in judged.slices.items()}
    return replace(overall, slices=slices)


def difference(better: MeasureValue, other: MeasureValue) -> MeasureValue:
    """The paired difference of two contenders in one measure, on the same draws of the same rows."""
    return MeasureValue.of(better.value - other.value, better.samples - other.samples)


def _slices(
    objective: Objective, judged: Judged, said: Said, words: AnyArray, weights: Weights
) -> Iterator[tuple[str, Evaluation]]:
    for word in sorted(set(words.tolist())):
        rows = words == word
        yield word, _measured(objective, judged.only(rows), said.scores[rows], said.point, weights, {})


def _measured(
    objective: Objective,
    judged: Judged,
    scores: AnyArray,
    point: float | None,
    weights: Weights,
    more: Mapping[str, Measure],
) -> Evaluation:
    merits = objective.merits(judged, scores, point)
    by_name = {objective.merit: mean(merits, judged.owner, judged.clusters)}
    by_name |= {**dict(objective.measures(judged, scores, point)), **more}
    each_once = np.ones((1, judged.clusters), dtype=np.float32)
    values = {name: MeasureValue.of(measure(each_once)[0], measure(weights)) for name, measure in by_name.items()}
    units = int(np.isfinite(merits).sum())
    facts = {"rows": len(scores), "clusters": len(np.unique(judged.cluster)), "units": units}
    facts["units_without_merit"] = len(np.unique(judged.unit)) - units
    return Evaluation(values, merits, {}, facts)
