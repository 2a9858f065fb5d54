"""Ranking: the order of a page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from infra.arrays import AnyArray
from infra.statistics import weighted_auc
from training.objectives import list_measures, measures
from training.objectives.measures import Measure
from training.objectives.objective import Curve, Judged, Link


@dataclass(frozen=True, slots=True)
class Rank:
    """The order of what is shown together. A unit is a page, its merit the NDCG of the first `top` places by gain.

    Coverage, novelty and diversity are of the first `listed` places. These must be fewer than are shown: else every
    contender lists the same.
    """

    top: int = 10
    listed: int = 5
    kind: str = "rank"
    acts: bool = False
    calibration: str = "calibration_error"
    link: Link = "logit"
    base: str | None = None

    @property
    def merit(self) -> str:
        """NDCG of the first places."""
        return f"ndcg_at_{self.top}"

    @property
    def roles(self) -> Mapping[str, str]:
        """The graded worth of each row."""
        return {"gain": "gain"}

    @property
    def booster(self) -> Mapping[str, object]:
        """The chance of the target, by which rows are ordered."""
        return {"objective": "binary:logistic", "eval_metric": "logloss"}

    def operating_point(self, tuned_on: Judged, predicted: AnyArray) -> None:
        """An order has none."""

    def merits(self, judged: Judged, predicted: AnyArray, point: float | None) -> AnyArray:
        """NDCG of each page; NaN for a page in which nothing has a gain."""
        return measures.ndcg(judged.unit, judged.columns["gain"], predicted, self.top, judged.units)

    def perfect(self, judged: Judged) -> AnyArray:
        """1 for every page."""
        return np.ones(judged.units)

    def happened(self, judged: Judged) -> AnyArray:
        """Whether the target did."""
        return np.asarray(judged.truth > 0)

    def measures(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """The value of the first places where rows have one; AUC within each cluster's rows, and of all rows."""
        if "value" in judged.columns:
            value = measures.discounted(judged.unit, judged.columns["value"], predicted, self.top, judged.units)
            yield f"value_at_{self.top}", measures.mean(value, judged.owner, judged.clusters)
        yield "gauc", measures.gauc(judged.cluster, judged.truth, predicted, judged.clusters)
        yield "auc", weighted_auc(judged.cluster, judged.truth, predicted)

    def of_all(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """What the lists are made of, where it is known what was shown and what lists vary in."""
        columns, listed = judged.columns, list_measures.first_places(judged.unit, predicted, self.listed)
        if "item" in columns:
            yield "coverage", list_measures.coverage(judged.cluster, columns["item"], listed, judged.clusters)
            yield "novelty", list_measures.novelty(judged.cluster, columns["novelty"], listed, judged.clusters)
        if "attribute" in columns:
            kinds = columns["attribute"]
            yield "diversity", list_measures.diversity(judged.unit, judged.cluster, kinds, listed, judged.clusters)

    def of_predictions(self, judged: Judged, predicted: AnyArray) -> Iterator[tuple[str, Measure]]:
        """How good the chances are."""
        rows = (judged.cluster, judged.truth, predicted, judged.clusters)
        yield "log_loss", measures.log_loss(*rows)
        yield self.calibration, measures.calibration_error(*rows)

    def curves(self, judged: Judged, predicted: AnyArray, point: float | None) -> Mapping[str, Curve]:
        """None."""
        return {}
