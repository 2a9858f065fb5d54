"""The registry: releases as MLflow versions, aliases, the release history, the live release."""

from training.registry.ageing import Aged, aged, oldest_in_database, purge, remove
from training.registry.deadlines import Deadline
from training.registry.logged_run import LoggedRun
from training.registry.moves import Move
from training.registry.registry import Registry
from training.registry.shares import HEAD as SPAN_HEAD
from training.registry.shares import Span, spans
from training.registry.stages import TRIAL, Stage
from training.registry.standing import Trial
from training.registry.tracking import DESCRIPTION_TAG, artifact_page, experiment_id, forget_versions, mlflow_client

__all__ = [
    "DESCRIPTION_TAG",
    "SPAN_HEAD",
    "TRIAL",
    "Aged",
    "Deadline",
    "LoggedRun",
    "Move",
    "Registry",
    "Span",
    "Stage",
    "Trial",
    "aged",
    "artifact_page",
    "experiment_id",
    "forget_versions",
    "mlflow_client",
    "oldest_in_database",
    "purge",
    "remove",
    "spans",
]
