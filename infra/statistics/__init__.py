"""Statistics that several stages use: the area under the ROC curve, resampling by cluster."""

from infra.statistics.resampling import Interval, interval
from infra.statistics.roc import auc, telling, told_by_nulls

__all__ = ["Interval", "auc", "interval", "telling", "told_by_nulls"]
