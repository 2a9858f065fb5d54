"""What was made outside of a run, in Dagster's records, where a home has any."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestration.system import Installation

if TYPE_CHECKING:
    import dagster as dg


def has_records(installation: Installation) -> bool:
    """Whether Dagster has records in this home."""
    return (installation.settings.home / "dagster").exists()


def record(installation: Installation, materializations: Iterable["dg.AssetMaterialization"]) -> None:
    """Write materializations into them."""
    import dagster as dg

    from orchestration.up import environment

    os.environ.update(environment(installation.settings))
    with dg.DagsterInstance.get() as instance:
        for event in materializations:
            instance.report_runless_asset_event(event)
