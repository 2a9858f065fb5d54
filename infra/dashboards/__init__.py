"""Dashboards as values; `python -m infra.dashboards` writes them as Grafana reads them."""

from infra.dashboards.all_of_them import DASHBOARDS
from infra.dashboards.panel import UNITS, Dashboard, Panel, Query, Row

__all__ = ["DASHBOARDS", "UNITS", "Dashboard", "Panel", "Query", "Row"]
