"""A small simulated platform with its training set, made in this process: what leaks are planted into."""

from datetime import timedelta
from pathlib import Path

from feature_repo.folding import publish_profiles, publish_states
from infra.settings import Settings
from infra.spark import session
from orchestration.ingestion import ingest_days
from orchestration.sources.simulator import Scale, World, deliver
from orchestration.system import Installation, System
from training.rows import Dataset, build_label_versions, build_training_set


def platform(folder: Path, scale: Scale, system: System) -> tuple[Installation, Dataset]:
    """An installation whose history is taken in and folded, and the training set of its last day."""
    settings = Settings(home=folder, replay_from=scale.end, redis_url="redis://127.0.0.1:1/0")
    at = Installation(system, settings)
    deliver(World.make(scale).history(), scale, settings.landing)
    first, last = scale.start.date(), (scale.end - timedelta(days=1)).date()
    for table in system.tables:
        ingest_days(at, table, first, last)
    spark, lake, features = session(settings), at.lake, system.features
    publish_states(spark, lake, features, at.tables, first, last)
    publish_profiles(spark, lake, features, at.tables, first, last)
    versions = build_label_versions(spark, lake, system.task, features, at.tables, scale.end, first, last)
    return at, build_training_set(versions, at.store, features, system.task)
