"""How well a contender ranks the judged rows: measures with bootstrap intervals, overall and by slice."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from infra.arrays import AnyArray
from infra.statistics import Weights, percentiles, weighted_auc
from training.objectives import list_measures, measures
from training.objectives.measures import Measure


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """The judged rows as arrays, aligned. Codes count from 0.

    groups, users how many codes there are
    label, gain   (rows,) whether the target happened, and the graded gain
    group, user   (rows,) codes of what is ranked together, and of whom it was shown to
    item, attribute  (rows,) codes of what was shown, and of what lists vary in (−1 unknown)
    novelty       (rows,) −log2 of the item's share of what was shown before the judged rows
    slices        slicing → (rows,) names
    value         (rows,) the sum of the values of what happened; None where no outcome has one
    exposed       the same, for the shares of exposure
    maker         (rows,) codes of who made the item; None where exposure is not measured
    """

    groups: int
    users: int
    label: AnyArray
    gain: AnyArray
    group: AnyArray
    user: AnyArray
    item: AnyArray
    attribute: AnyArray
    novelty: AnyArray
    slices: Mapping[str, AnyArray] = field(default_factory=dict)
    value: AnyArray | None = None
    exposed: Mapping[str, AnyArray] = field(default_factory=dict)
    maker: AnyArray | None = None

    def only(self, rows: AnyArray) -> "JudgedRows":
        """The rows for which the mask holds; group and user codes stay the same, so that draws of users fit both."""
        return JudgedRows(
            self.groups, self.users, self.label[rows], self.gain[rows], self.group[rows], self.user[rows],
            self.item[rows], self.attribute[rows], self.novelty[rows],
            value=None if self.value is None else self.value[rows],
        )  # fmt: skip


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
    """All measures of one contender, with NDCG of each group (NaN without a positive gain), overall and by slice."""

    measures: Mapping[str, MeasureValue]
    ndcg: AnyArray
    slices: Mapping[str, Mapping[str, "Evaluation"]]
    facts: Mapping[str, int]

    def summary(self) -> dict[str, Any]:
        """The measures as plain numbers: `auc`, `auc_low`, `auc_high`, …; null where there is nothing to measure."""
        flat: dict[str, Any] = dict(self.facts)
        for name, measured in self.measures.items():
            for end, value in (("", measured.value), ("_low", measured.low), ("_high", measured.high)):
                flat[name + end] = value if np.isfinite(value) else None
        return flat


def evaluate(
    judged: JudgedRows, scores: AnyArray, probabilities: AnyArray | None, weights: Weights, top: int, listed: int
) -> Evaluation:
    """Judge one contender.

    scores         (rows,) as it would be served
    probabilities  (rows,) of the target from all logged values; None where the scores are no probabilities
    weights        (draws, users): how often each user is drawn. The same weights for every contender make their
                   intervals comparable pairwise.
    """
    order_measures = dict(_order(judged, scores, top))
    other_measures = {**dict(_probability(judged, probabilities)), **dict(_listed(judged, scores, listed))}
    overall = _measured(judged, scores, {**order_measures, **other_measures}, weights, top)
    slices = {name: dict(_slices(judged, scores, words, weights, top)) for name, words in judged.slices.items()}
    return replace(overall, slices=slices)


def difference(better: MeasureValue, other: MeasureValue) -> MeasureValue:
    """The paired difference of two contenders in one measure, on the same draws of the same rows."""
    return MeasureValue.of(better.value - other.value, better.samples - other.samples)


def _slices(
    judged: JudgedRows, scores: AnyArray, words: AnyArray, weights: Weights, top: int
) -> Iterator[tuple[str, Evaluation]]:
    for word in sorted(set(words.tolist())):
        part, part_scores = judged.only(words == word), scores[words == word]
        yield word, _measured(part, part_scores, dict(_order(part, part_scores, top)), weights, top)


def _measured(
    judged: JudgedRows, scores: AnyArray, by_name: Mapping[str, Measure], weights: Weights, top: int
) -> Evaluation:
    every_user_once = np.ones((1, judged.users), dtype=np.float32)
    values = {name: MeasureValue.of(measure(every_user_once)[0], measure(weights)) for name, measure in by_name.items()}
    groups = _by_group(judged, scores, top)
    facts = {"rows": len(scores), "users": len(np.unique(judged.user)), "groups": int(np.isfinite(groups).sum())}
    facts["groups_without_gain"] = len(np.unique(judged.group)) - facts["groups"]
    return Evaluation(values, groups, {}, facts)


def _order(judged: JudgedRows, scores: AnyArray, top: int) -> Iterator[tuple[str, Measure]]:
    owners = list_measures.owners(judged.group, judged.user, judged.groups)
    yield f"ndcg_at_{top}", measures.mean(_by_group(judged, scores, top), owners, judged.users)
    if judged.value is not None:
        values = measures.discounted(judged.group, judged.value, scores, top, judged.groups)
        yield f"value_at_{top}", measures.mean(values, owners, judged.users)
    yield "gauc", measures.gauc(judged.user, judged.label, scores, judged.users)
    yield "auc", weighted_auc(judged.user, judged.label, scores)


def _probability(judged: JudgedRows, probabilities: AnyArray | None) -> Iterator[tuple[str, Measure]]:
    if probabilities is not None:
        rows = (judged.user, judged.label, probabilities, judged.users)
        yield "log_loss", measures.log_loss(*rows)
        yield "calibration_error", measures.calibration_error(*rows)


def _listed(judged: JudgedRows, scores: AnyArray, top: int) -> Iterator[tuple[str, Measure]]:
    listed = list_measures.first_places(judged.group, scores, top)
    yield "coverage", list_measures.coverage(judged.user, judged.item, listed, judged.users)
    yield "novelty", list_measures.novelty(judged.user, judged.novelty, listed, judged.users)
    yield "diversity", list_measures.diversity(judged.group, judged.user, judged.attribute, listed, judged.users)


def _by_group(judged: JudgedRows, scores: AnyArray, top: int) -> AnyArray:
    return measures.ndcg(judged.group, judged.gain, scores, top, judged.groups)
