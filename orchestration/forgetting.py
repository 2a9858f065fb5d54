"""Forgetting a system: all that an installation holds of one, so that a story can begin anew beside the others'."""

import os
import shutil

from infra.patience import Patience
from infra.redis_server import running
from infra.settings import Settings
from orchestration.naming import key
from orchestration.up import environment

AT_ONCE = 1_000


def forget(settings: Settings) -> None:
    """Remove a system's part of the home, its records in Redis, its versions in MLflow, its assets' records in Dagster.

    Other systems, and what all share, stay as they are. The caller sees to it that nothing of the system runs.
    """
    shutil.rmtree(settings.part, ignore_errors=True)
    (settings.home / "feast" / f"{settings.system}.db").unlink(missing_ok=True)
    _forget_records(settings)
    _forget_versions(settings)
    _forget_assets(settings)


def _forget_records(settings: Settings) -> None:
    from feature_repo.records import connect

    if not (settings.home / "redis").exists():
        return
    old, patience = settings.redis_accept_old, Patience.of(settings)
    with running(settings.redis_url, settings.home / "redis", old, patience=patience):
        redis = connect(settings.redis_url)
        names = list(redis.scan_iter(f"fw:{settings.system}[:!]*", count=AT_ONCE))
        for first in range(0, len(names), AT_ONCE):
            redis.unlink(*names[first : first + AT_ONCE])
        redis.close()


def _forget_versions(settings: Settings) -> None:
    from training.registry import forget_versions

    forget_versions(settings, settings.system)


def _forget_assets(settings: Settings) -> None:
    if not (settings.home / "dagster").exists():
        return
    import dagster as dg

    os.environ.update(environment(settings))
    prefix = key(settings.system, "")[:-1]
    with dg.DagsterInstance.get() as instance:
        own = [asset for asset in instance.get_asset_keys() if list(asset.path[:-1]) == prefix]
        if own:
            instance.wipe_assets(own)
