"""What is run together: the stages one by one, and a whole day."""

from collections.abc import Collection
from typing import Any

import dagster as dg

from orchestration.naming import called

# Ingestion comes first in `features` too: a refused batch then stops what would have been computed from it.
STAGES = {
    "ingest": ("tables",),
    "features": ("tables", "features"),
    "train": ("training",),
    "release": ("release",),
    "monitor": ("monitoring",),
    "perturb": ("proof",),
    "study": ("studies",),
    "search": ("search",),
    "retain": ("retention",),
    "erase": ("people",),
    "retrain": ("training", "release"),
    "daily": ("tables", "features", "training", "release", "monitoring"),
}

Job = Any  # dagster names the type of an unresolved asset job only in private modules


def jobs(groups: Collection[str | None], system: str) -> dict[str, Job]:
    """One job a stage that has assets, by the stage's name.

    Small steps in one process: a process each would cost four times the time.
    """
    present = {name: [g for g in stage_groups if called(system, g) in groups] for name, stage_groups in STAGES.items()}
    return {
        name: dg.define_asset_job(
            called(system, name),
            dg.AssetSelection.groups(*(called(system, group) for group in groups_present)),
            executor_def=dg.in_process_executor,
            description=_says(groups_present),
        )
        for name, groups_present in present.items()
        if groups_present
    }


def _says(groups: list[str]) -> str:
    return f"The assets of {', '.join(groups)}, for one day or a range of days."
