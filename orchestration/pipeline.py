"""A system's definitions become assets, checks, jobs, schedules and sensors: any system's, by the same code."""

import warnings

import dagster as dg

from orchestration import jobs, schedules
from orchestration.assets import features, monitoring, release, tables, training
from orchestration.partitions import days
from orchestration.sensors import failure_sensor, landing_sensor, registry_sensor, retraining_sensor
from orchestration.system import Installation

warnings.filterwarnings("ignore", category=dg.BetaWarning)  # backfill policies: pinned, and tested in ours


def pipeline(installation: Installation) -> dg.Definitions:
    """All that Dagster knows of one installation; without a policy nothing is served, without a watch none watched."""
    cut = days(installation)
    assets = [
        *tables.assets(installation, cut),
        *features.assets(installation, cut),
        *training.assets(installation, cut),
    ]
    if installation.system.policy:
        assets += release.assets(installation, cut)
    if installation.system.watch:
        assets += monitoring.assets(installation, cut)
    groups = {spec.group_name for asset in assets for spec in asset.specs}
    made = jobs.jobs(groups)
    return dg.Definitions(
        assets=assets,
        jobs=list(made.values()),
        schedules=schedules.schedules(installation, made),
        sensors=_sensors(installation, made, cut),
    )


def _sensors(
    installation: Installation, made: dict[str, jobs.Job], days: dg.DailyPartitionsDefinition
) -> list[dg.SensorDefinition]:
    """The sensors of a system: landing, failures and registry always, retraining where it is watched."""
    always: list[dg.SensorDefinition] = [
        landing_sensor(installation, made["features"], days),
        failure_sensor(installation),
        registry_sensor(installation),
    ]
    return (
        [*always, retraining_sensor(installation, made["retrain"])]
        if installation.system.watch and "retrain" in made
        else always
    )
