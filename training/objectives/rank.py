"""Ranking: the order of a page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.arrays import AnyArray
from infra.statistics import weighted_auc
from training.objectives import measures
from training.objectives.measures import Measure
from training.objectives.objective import Judged


@dataclass(frozen=True, slots=True)
class Rank:
    """The order of what is shown together. A unit is a page, its merit the NDCG of the first `top` places by `gain`."""

    gain: str = "gain"
    top: int = 10

    @property
    def merit(self) -> str:
        """NDCG of the first places."""
        return f"ndcg_at_{self.top}"

    @property
    def roles(self) -> Mapping[str, str]:
        """The graded worth of each row."""
        return {"gain": self.gain}

    @property
    def booster(self) -> Mapping[str, object]:
        """The chance of the target, by which rows are ordered."""
        return {"objective": "binary:logistic", "eval_metric": "logloss"}

    def operating_point(self, tuned_on: Judged, predicted: AnyArray) -> None:
        """An order has none."""

    def merits(self, judged: Judged, predicted: AnyArray, point: float | None) -> AnyArray:
        """NDCG of each page; NaN for a page in which nothing has a gain."""
        return measures.ndcg(judged.unit, judged.columns["gain"], predicted, self.top, judged.units)

    def measures(self, judged: Judged, predicted: AnyArray, point: float | None) -> Iterator[tuple[str, Measure]]:
        """AUC within each cluster's rows, and of all rows."""
        yield "gauc", measures.gauc(judged.cluster, judged.truth, predicted, judged.clusters)
        yield "auc", weighted_auc(judged.cluster, judged.truth, predicted)

    def miscalibration(self, judged: Judged, predicted: AnyArray) -> Measure:
        """Mean distance of predicted and observed shares."""
        return measures.calibration_error(judged.cluster, judged.truth, predicted, judged.clusters)
