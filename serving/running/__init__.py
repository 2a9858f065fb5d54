"""A worker as a process: its parent, its background tasks, its share of the metrics."""

from serving.running.background import Background
from serving.running.collector import spare_the_collector
from serving.running.parent import Parent
from serving.running.worker_metrics import FOLDER, own_metrics_environment, shared_metrics_environment

__all__ = [
    "FOLDER",
    "Background",
    "Parent",
    "own_metrics_environment",
    "shared_metrics_environment",
    "spare_the_collector",
]
