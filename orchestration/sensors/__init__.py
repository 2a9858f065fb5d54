"""Dagster sensors: landed files, stale days, the registry, the release on trial, confirmed drift, failed runs."""

from orchestration.sensors.erasure import erasure_sensor
from orchestration.sensors.failure import failure_sensor
from orchestration.sensors.landing import landing_sensor
from orchestration.sensors.registry import (
    registry_check_result,
    registry_check_spec,
    registry_sensor,
    settle_registry,
)
from orchestration.sensors.retraining import retraining_sensor
from orchestration.sensors.stale_days import stale_days_sensor
from orchestration.sensors.trial import trial_sensor

__all__ = [
    "erasure_sensor",
    "failure_sensor",
    "landing_sensor",
    "registry_check_result",
    "registry_check_spec",
    "registry_sensor",
    "retraining_sensor",
    "settle_registry",
    "stale_days_sensor",
    "trial_sensor",
]
