"""Retrieval: the right documents for a query, first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from infra.arrays import AnyArray
from training.objectives import measures
from training.objectives.measures import Measure, places_in_group
from training.objectives.objective import Curve, Judged, Link


@dataclass(frozen=True, slots=True)
class Retrieve:
    """Documents for a query. A unit is a query, its merit the reciprocal rank of the first relevant document."""

    top: int = 10
    kind: str = "retrieve"
    acts: bool = False
    calibration: str = ""
    link: Link = "logit"
    base: str | None = None

    @property
    def merit(self) -> str:
        """Mean reciprocal rank."""
        return f"mrr_at_{self.top}"

    @property
    def roles(self) -> Mapping[str, str]:
        """Nothing but which documents are relevant."""
        return {}

    @property
    def booster(self) -> Mapping[str, object]:
        """The order of a query's documents (LambdaMART, Burges 2010)."""
        return {"objective": "rank:ndcg", "eval_metric": f"ndcg@{self.top}"}

    def operating_point(self, tuned_on: Judged, predicted: AnyArray) -> None:
        """An order has none."""

    def merits(self, judged: Judged, predicted: AnyArray, point: float | None) -> AnyArray:
        """1 / place of each query's first relevant document, 0 beyond `top`; NaN where none is relevant."""
        places, relevant = places_in_group(judged.unit, predicted), judged.truth > 0
        first = np.full(judged.units, np.inf)
        np.minimum.at(first, judged.unit[relevant], places[relevant])
        rank = np.where(first < self.top, 1 / (first + 1), 0.0)
        return np.where(np.bincount(judged.unit[relevant], minlength=judged.units) > 0, rank, np.nan)

    def perfect(self, judged: Judged) -> AnyArray:
        """1 for every query."""
        return np.ones(judged.units)

    def happened(self, judged: Judged) -> AnyArray:
        """Whether the document is relevant."""
        return np.asarray(judged.truth > 0)

    def measures(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """NDCG, recall, and the share of queries that find nothing."""
        relevant, places = judged.truth > 0, places_in_group(judged.unit, predicted)
        counts = np.bincount(judged.unit[relevant], minlength=judged.units)
        got = np.bincount(judged.unit[relevant & (places < self.top)], minlength=judged.units)
        with np.errstate(invalid="ignore"):
            recall = np.where(counts > 0, got / counts, np.nan)
        ndcg = measures.ndcg(judged.unit, relevant.astype(np.float64), predicted, self.top, judged.units)
        nothing = np.where(counts > 0, got == 0, np.nan)
        for name, values in (("ndcg", ndcg), ("recall", recall), ("nothing", nothing)):
            yield f"{name}_at_{self.top}", measures.mean(values, judged.owner, judged.clusters)

    def of_all(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """Nothing more."""
        return iter(())

    def of_predictions(self, judged: Judged, predicted: AnyArray) -> Iterator[tuple[str, Measure]]:
        """A retriever predicts nothing."""
        return iter(())

    def curves(self, judged: Judged, predicted: AnyArray, point: float | None) -> Mapping[str, Curve]:
        """None."""
        return {}
