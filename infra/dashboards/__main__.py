"""Writes every dashboard into a folder: python -m infra.dashboards infra/dashboards/grafana."""

import sys
from pathlib import Path

from infra.dashboards.all_of_them import DASHBOARDS
from infra.dashboards.grafana import as_json

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for dashboard in DASHBOARDS:
        (folder / f"{dashboard.name}.json").write_text(as_json(dashboard))
