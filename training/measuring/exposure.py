"""Who gets the places: shares of exposure and of outcomes by part of the judged rows, and how few makers get most."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from infra.arrays import AnyArray
from infra.statistics import Weights, percentiles
from training.objectives import Judged, exposure
from validation.gates import SliceExposure

FEW = 0.01  # of the makers


@dataclass(frozen=True, slots=True)
class Concentration:
    """How unevenly something is spread over makers: the share of the first 1 % of them, and the Gini coefficient.

    Gini is 0 where all have the same and near 1 where one has all.
    """

    few: float
    gini: float

    @classmethod
    def of(cls, amounts: AnyArray) -> "Concentration":
        """The concentration of one amount for each maker, none of them below 0."""
        ordered, total = np.sort(amounts), float(amounts.sum())
        if not total:
            return cls(float("nan"), float("nan"))
        few, number = ordered[-max(1, round(FEW * len(ordered))) :].sum() / total, len(ordered)
        gini = 2 * float((np.arange(1, number + 1) * ordered).sum()) / (number * total) - (number + 1) / number
        return cls(float(few), gini)


@dataclass(frozen=True, slots=True)
class Exposures:
    """Who gets the places in one order of the judged rows; `makers` is how many there are."""

    parts: tuple[SliceExposure, ...]
    makers: int
    of_rows: Concentration
    of_exposure: Concentration
    of_outcomes: Concentration


def exposures(judged: Judged, scores: AnyArray, weights: Weights, top: int) -> Exposures | None:
    """Who gets the places when rows are ordered by their scores; None where no maker is named.

    A place is worth 1 / log2(1 + place) among the first `top` of its group. Intervals are of 95 %, by users drawn.
    """
    maker = judged.columns.get("maker")
    if maker is None:
        return None
    worth = exposure(judged.unit, scores, top)
    amounts = (np.ones(len(worth)), worth, judged.columns["gain"])
    named, makers = maker >= 0, int(maker.max(initial=-1)) + 1
    spread = (np.bincount(maker[named], weights=amount[named], minlength=makers) for amount in amounts)
    by = judged.exposed.items()
    parts = (part for name, words in by for part in _parts(judged, name, words, amounts, weights))
    return Exposures(tuple(parts), makers, *(Concentration.of(amount) for amount in spread))


def _parts(
    judged: Judged, slicing: str, words: AnyArray, amounts: tuple[AnyArray, ...], weights: Weights
) -> Iterator[SliceExposure]:
    everything = [np.bincount(judged.cluster, weights=amount, minlength=judged.clusters) for amount in amounts]
    sizes = np.bincount(judged.unit, minlength=judged.units)
    for word in sorted(set(words.tolist())):
        its = words == word
        own = [np.bincount(judged.cluster[its], weights=amount[its], minlength=judged.clusters) for amount in amounts]
        with np.errstate(invalid="ignore", divide="ignore"):
            eligible, shown, valued = (of.sum() / all_.sum() for of, all_ in zip(own, everything, strict=True))
            drawn = [(weights @ of) / (weights @ all_) for of, all_ in zip(own[1:], everything[1:], strict=True)]
            low, high = percentiles(drawn[0] / drawn[1], 0.025, 0.975)
            ratio = float(shown / valued)
        beside = np.bincount(judged.unit[its], minlength=judged.units)
        groups = int(((beside > 0) & (beside < sizes)).sum())
        yield SliceExposure(f"{slicing}={word}", float(eligible), float(shown), float(valued), ratio, low, high, groups)
