"""The labels of an installation's shown rows: what training, the gates for CI and monitoring start from."""

from datetime import date, datetime
from typing import TYPE_CHECKING

from orchestration.system import Installation
from training.rows import build_label_versions, build_labels

if TYPE_CHECKING:
    import pandas as pd


def labels_of_days(installation: Installation, first: date, last: date, now: datetime) -> "pd.DataFrame":
    """The labels of what was shown from the first to the last day, from what was known at `now`."""
    system = installation.system
    return build_labels(
        installation.spark, installation.lake, system.task, system.features, installation.tables, now, first, last
    )


def label_versions_of_history(installation: Installation, last: date) -> "pd.DataFrame":
    """Every version of the labels of all days that a model learns from, as of the end of the last one."""
    first = installation.history_start(last)
    return label_versions_of_days(installation, first, last, installation.as_of(last))


def label_versions_of_days(installation: Installation, first: date, last: date, now: datetime) -> "pd.DataFrame":
    """Every version of the labels of what was shown from the first to the last day, from what was known at `now`."""
    system = installation.system
    return build_label_versions(
        installation.spark, installation.lake, system.task, system.features, installation.tables, now, first, last
    )
