"""Statistics that several floors ask for: the area under a curve, resampling by cluster."""

from infra.statistics.resampling import Interval, interval
from infra.statistics.roc import auc, telling, told_by_nulls

__all__ = ["Interval", "auc", "interval", "telling", "told_by_nulls"]
