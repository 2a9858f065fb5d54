"""Statistics that several stages use: the area under the ROC curve, resampling by cluster, recall by lot."""

from infra.statistics.by_lot import recall_by_lot
from infra.statistics.power import smallest_loss_seen, standard_error, together
from infra.statistics.resampling import (
    Interval,
    Weights,
    clustered_error,
    drawn_by_poisson,
    interval,
    percentiles,
    weighted_ratio,
)
from infra.statistics.roc import auc, label_auc_of_column, label_auc_of_nulls, weighted_auc

__all__ = [
    "Interval",
    "Weights",
    "auc",
    "clustered_error",
    "drawn_by_poisson",
    "interval",
    "label_auc_of_column",
    "label_auc_of_nulls",
    "percentiles",
    "recall_by_lot",
    "smallest_loss_seen",
    "standard_error",
    "together",
    "weighted_auc",
    "weighted_ratio",
]
