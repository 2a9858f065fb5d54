"""The asset graph as users see it in Dagster: a change of it shows here as a diff."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from infra.settings import Settings
from orchestration.pipeline import pipeline, pipelines
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED

GRAPH = """
tables      engagements        <- users videos
tables      impressions        <- users videos
tables      users              <-
tables      videos             <-
features    online_store       <- profiles states
features    profiles           <- users videos
features    states             <- engagements impressions users videos
training    labels             <- engagements impressions users videos
training    ranker             <- training_set
training    training_set       <- labels profiles states
proof       perturbation       <- training_set
studies     studies            <- training_set
search      searched_settings  <- training_set
retention   retention          <-
people      erasures           <-
release     champion           <- deployment
release     deployment         <- online_store registered_release
release     registered_release <- ranker
monitoring  drift              <- observed
monitoring  freshness          <- observed
monitoring  observed           <- engagements impressions profiles states
monitoring  outcomes           <- observed
monitoring  skew               <- observed
"""


def test_the_asset_graph(settings: Settings) -> None:
    definitions = pipeline(Installation(HOME_FEED, settings))
    lines = []
    stages = (
        *("tables", "features", "training", "proof", "studies", "search", "retention", "people", "release"),
        "monitoring",
    )
    for stage in stages:
        specs = [s for asset in definitions.assets or () for s in asset.specs if s.group_name == stage]  # type: ignore[union-attr]
        for spec in sorted(specs, key=lambda s: s.key):
            above = " ".join(sorted(dep.asset_key.to_user_string() for dep in spec.deps))
            lines.append(f"{stage:<11} {spec.key.to_user_string():<18} <- {above}".rstrip())
    assert lines == [line for line in GRAPH.splitlines() if line]


def test_checks_block_and_jobs_schedules_and_sensors_are_there(settings: Settings) -> None:
    definitions = pipelines([Installation(HOME_FEED, settings)])
    checks = [c for asset in definitions.assets or () for c in asset.check_specs]  # type: ignore[union-attr]
    assert {c.name for c in checks} == {
        "expectations",
        "no_bursts",
        "online_equals_offline",
        "gates",
        "features_known",
        "one_truth",
        "unchanged",
        "as_fresh_as_trained",
        "studied",
        "search_gates",
        "served_as_trained",
        "within_limits",
    }
    warnings = {c.name for c in checks if not c.blocking}
    assert warnings == {
        *("no_bursts", "features_known", "as_fresh_as_trained", "served_as_trained", "studied", "search_gates"),
        "within_limits",
    }, "these stop nothing"
    jobs = {job.name for job in definitions.jobs or ()}
    assert jobs == {
        *("ingest", "features", "train", "release", "monitor", "perturb", "study", "search", "retain", "erase"),
        *("retrain", "daily", "rollback", "drill"),
    }
    assert {s.name for s in definitions.schedules or ()} == {
        "features_schedule",
        "retrain_schedule",
        "monitor_schedule",
        "perturb_schedule",
        "study_schedule",
        "search_schedule",
        "retain_schedule",
        "drill_schedule",
    }
    assert {s.name for s in definitions.sensors or ()} == {
        "landing_sensor",
        "erasure_sensor",
        "retraining_sensor",
        "failure_sensor",
        "registry_sensor",
        "stale_days_sensor",
        "trial_sensor",
    }


@pytest.mark.parametrize(
    ("schedule", "at", "day"),
    [
        ("retrain_schedule", datetime(2026, 5, 8, 1, 30, tzinfo=UTC), "2026-05-07"),
        ("features_schedule", datetime(2026, 5, 8, 14, 7, tzinfo=UTC), "2026-05-08"),
        ("features_schedule", datetime(2026, 5, 8, 0, 7, tzinfo=UTC), "2026-05-07"),
    ],
    ids=["last night's day", "today", "yesterday's last hour"],
)
def test_a_schedule_asks_for_the_right_day(settings: Settings, schedule: str, at: datetime, day: str) -> None:
    definitions = pipeline(Installation(HOME_FEED, settings.model_copy(update={"replay_from": at})))
    repository = definitions.get_repository_def()
    with (
        dg.DagsterInstance.local_temp() as instance,
        dg.build_schedule_context(instance, scheduled_execution_time=at, repository_def=repository) as context,
    ):
        requests = definitions.resolve_schedule_def(schedule).evaluate_tick(context).run_requests or []
    assert [r.partition_key for r in requests] == [day]


def test_the_code_location_loads_as_dagster_loads_it() -> None:
    from orchestration.definitions import defs

    dg.Definitions.validate_loadable(defs)
