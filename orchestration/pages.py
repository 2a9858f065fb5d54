"""Addresses of the pages people look at, opened where the work is."""

from collections.abc import Iterable
from urllib.parse import quote

from infra.settings import Settings

CLASSIC = "?workflowType=machine_learning"  # else a browser that never chose sees MLflow's pages of language models


def mlflow(settings: Settings, experiment: str | None = None, run: str | None = None) -> str:
    """MLflow: the list of experiments, the runs of one, or one run."""
    parts = ["experiments", *([experiment, "runs"] if experiment else []), *([run] if run else [])]
    return f"http://127.0.0.1:{settings.mlflow_port}/#/{'/'.join(parts)}{CLASSIC}"


def dagster(settings: Settings, groups: Iterable[str]) -> str:
    """Dagster's asset graph with these groups open."""
    opened = ",".join(f"global@global:{group}" for group in groups)
    return f"http://127.0.0.1:{settings.dagster_port}/asset-groups?expanded={quote(opened, safe='@:,')}"
