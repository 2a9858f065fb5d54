"""A recorded training run, as MLflow and this machine keep it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """A recorded run: its id in MLflow, what each contender measured, and the folder of its tables and plots.

    `promised` are the winner's figures: monitoring compares its release with them when it is live.
    """

    run_id: str
    metrics: Mapping[str, Mapping[str, Any]]
    promised: Mapping[str, Any]
    folder: Path
