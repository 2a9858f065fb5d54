"""Alerts: one JSON line each in `alerts.jsonl`, for a program of yours that notifies people."""

import json
from datetime import datetime
from pathlib import Path


def write(home: Path, at: datetime, **facts: object) -> None:
    """Append one alert to the alerts of an installation."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "alerts.jsonl").open("a") as alerts:
        alerts.write(json.dumps({"at": at.isoformat(), **facts}) + "\n")
