"""A system is forgotten, and another one in the same home notices nothing."""

from pathlib import Path

import dagster as dg
import pytest

from feature_repo.records import connect
from infra.settings import Settings
from orchestration.forgetting import forget
from orchestration.naming import key
from orchestration.up import environment
from training.registry import experiment_id, mlflow_client

BOTH = ("home_feed", "second")


@pytest.fixture
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home in which two systems have something in every place."""
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    client = mlflow_client(settings)
    (settings.home / "redis").mkdir()
    with connect(settings.redis_url) as redis, dg.DagsterInstance.get() as instance:
        for name in BOTH:
            at = settings.of(name)
            at.lake.mkdir(parents=True)
            redis.set(f"fw:{name}:view:1", "x")
            redis.hset(f"fw:{name}!views", "x", "y")
            client.create_registered_model(name)
            client.create_run(experiment_id(at, name))
            instance.report_runless_asset_event(dg.AssetMaterialization(key(name, "skew")))
    return settings


def left(settings: Settings) -> dict[str, set[str]]:
    """Which systems each place knows."""
    client = mlflow_client(settings)
    with connect(settings.redis_url) as redis, dg.DagsterInstance.get() as instance:
        kept = [name for name in BOTH
                if instance.fetch_materializations(dg.AssetKey(key(name, "skew")), limit=1).records]  # fmt: skip
        return {
            "folders": {path.name for path in (settings.home / "systems").iterdir()},
            "records": {
                word.decode().strip("!").split(":")[1].removesuffix("!views") for word in redis.scan_iter("fw:*")
            },
            "models": {model.name for model in client.search_registered_models()},
            "experiments": {each.name for each in client.search_experiments()} - {"Default"},
            "evidence": set(kept),
        }


def test_a_forgotten_system_is_nowhere_and_the_other_one_is_whole(home: Settings) -> None:
    assert all(names == {*BOTH} for names in left(home).values())
    for _ in range(2):
        forget(home.of("second"))
        assert all(names == {"home_feed"} for names in left(home).values()), left(home)
    client = mlflow_client(home)
    assert client.create_registered_model("second").latest_versions == []
    assert experiment_id(home, "second"), "it can begin anew under its name"


def test_in_an_empty_home_there_is_nothing_to_forget(tmp_path: Path) -> None:
    forget(Settings(home=tmp_path / "home"))
    assert not (tmp_path / "home").exists()
