"""What Prometheus reads of the work beside the service: jobs, freshness, releases, alerts, own decisions."""

from orchestration.exporter.exporter import Exporter
from orchestration.exporter.families import FAMILIES
from orchestration.exporter.server import exporting

__all__ = ["FAMILIES", "Exporter", "exporting"]
