"""The registry: releases as MLflow versions, aliases, the release history, the live release."""

from training.registry.deadlines import Deadline
from training.registry.logged_run import LoggedRun
from training.registry.registry import Registry
from training.registry.tracking import DESCRIPTION_TAG, artifact_page, experiment_id, mlflow_client

__all__ = ["DESCRIPTION_TAG", "Deadline", "LoggedRun", "Registry", "artifact_page", "experiment_id", "mlflow_client"]
