"""Assets, checks, jobs, schedules and sensors, made from the definitions of any system."""

import warnings
from collections.abc import Sequence

import dagster as dg

from orchestration import jobs, schedules
from orchestration.assets import (
    features,
    monitoring,
    people,
    proof,
    release,
    retention,
    studies,
    tables,
    training,
    watch,
)
from orchestration.partitions import days
from orchestration.release_jobs import DRILL, drill_schedule, release_jobs
from orchestration.sensors import (
    erasure_sensor,
    failure_sensor,
    landing_sensor,
    registry_sensor,
    retraining_sensor,
    stale_days_sensor,
    trial_sensor,
)
from orchestration.system import Installation

warnings.filterwarnings("ignore", category=dg.BetaWarning)  # backfill policies: pinned, and tested in ours


def pipeline(installation: Installation) -> dg.Definitions:
    """All Dagster definitions of one installation; release assets only with a policy, monitoring only with a watch."""
    installation.ages.check(installation.system.features, installation.system.task, installation.history_days)
    cut = days(installation)
    assets = [
        *tables.assets(installation, cut),
        *features.assets(installation, cut),
        *training.assets(installation, cut),
        *proof.assets(installation, cut),
        *studies.assets(installation, cut),
        *retention.assets(installation, cut),
    ]
    if installation.system.person:
        assets += people.assets(installation)
    if installation.system.policy:
        assets += release.assets(installation, cut)
    if installation.system.watch:
        assets += [*monitoring.assets(installation, cut), *watch.assets(installation, cut)]
    groups = {str(spec.group_name) for asset in assets for spec in asset.specs}
    jobs_by_name = jobs.jobs(groups, installation.system.name)
    moving = release_jobs(installation) if installation.system.policy else {}
    drills = [drill_schedule(installation, moving[DRILL])] if moving else []
    return dg.Definitions(
        assets=assets,
        jobs=[*jobs_by_name.values(), *moving.values()],
        schedules=[*schedules.schedules(installation, jobs_by_name), *drills],
        sensors=_sensors(installation, jobs_by_name, cut),
    )


def pipelines(installations: Sequence[Installation]) -> dg.Definitions:
    """The Dagster definitions of several systems on one machine, for one code location."""
    failures = dg.Definitions(sensors=[failure_sensor(installations[0])])
    return dg.Definitions.merge(*map(pipeline, installations), failures)


def _sensors(
    installation: Installation, jobs_by_name: dict[str, jobs.Job], days: dg.DailyPartitionsDefinition
) -> list[dg.SensorDefinition]:
    """The sensors of a system: landing and registry always, trials where releases are, retraining where it is watched.

    Erasure where a table says who a person is. Failures are watched once for all systems.
    """
    always: list[dg.SensorDefinition] = [
        landing_sensor(installation, jobs_by_name["features"], days),
        registry_sensor(installation),
        stale_days_sensor(installation, jobs_by_name["features"]),
    ]
    if "erase" in jobs_by_name:
        always.append(erasure_sensor(installation, jobs_by_name["erase"]))
    if installation.system.policy and installation.system.trial:
        always.append(trial_sensor(installation))
    return (
        [*always, retraining_sensor(installation, jobs_by_name["retrain"])]
        if installation.system.watch and "retrain" in jobs_by_name
        else always
    )
