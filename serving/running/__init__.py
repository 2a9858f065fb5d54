"""A worker as a process: its parent, its background tasks, its share of the metrics."""

from serving.running.background import Background
from serving.running.parent import Parent
from serving.running.worker_metrics import FOLDER, apart, shared

__all__ = ["FOLDER", "Background", "Parent", "apart", "shared"]
