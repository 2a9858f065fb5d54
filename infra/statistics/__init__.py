"""Statistics that several stages use: resampling, comparisons at every look, the area under the ROC curve, lots."""

from infra.statistics.at_every_look import always_below, always_valid, smallest_effect_seen
from infra.statistics.by_lot import recall_by_lot
from infra.statistics.power import smallest_loss_seen, standard_error, together
from infra.statistics.ratios import NOT_COMPARED, Difference, Totals, compare
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
from infra.statistics.sample_ratio import sample_ratio_chance

__all__ = [
    "NOT_COMPARED",
    "Difference",
    "Interval",
    "Totals",
    "Weights",
    "always_below",
    "always_valid",
    "auc",
    "clustered_error",
    "compare",
    "drawn_by_poisson",
    "interval",
    "label_auc_of_column",
    "label_auc_of_nulls",
    "percentiles",
    "recall_by_lot",
    "sample_ratio_chance",
    "smallest_effect_seen",
    "smallest_loss_seen",
    "standard_error",
    "together",
    "weighted_auc",
    "weighted_ratio",
]
