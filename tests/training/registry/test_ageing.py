"""Old releases, models and runs leave MLflow and this machine; what is live, or was lately, never does."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from shop import AT

from infra.settings import Settings
from training.registry import aged, mlflow_client, oldest_in_database, purge, remove
from training.registry.registry import Registry

Add = Callable[..., str]
LATER = AT + timedelta(days=400)
ROLLBACK = 30


def ids(registry: Registry, home: Settings, kind: str) -> list[str]:
    return sorted(old.id for old in aged(registry, home, LATER, ROLLBACK) if old.kind == kind)


def folders(home: Settings) -> set[str]:
    return {path.name for path in (home.of("shop").releases).iterdir() if path.name.isdigit()}


def artefacts(home: Settings) -> set[str]:
    return {path.parts[-3] for path in (home.home / "mlflow" / "artifacts" / "shop").rglob("m-*/artifacts/*")}


def test_releases_go_but_for_those_that_are_live_or_may_be_rolled_back_to(
    registry: Registry, add: Add, home: Settings
) -> None:
    for minutes, version in enumerate([add() for _ in range(4)]):
        registry.promote(version, who="ada", why="better", at=AT + timedelta(minutes=minutes))
    add(), registry.folder("5")
    assert registry.kept(AT, ROLLBACK) == {"1", "2", "3", "4", "5"}, "all of them were live lately, or may be next"
    assert registry.kept(LATER, ROLLBACK) == {"3", "4", "5"}, "previous, live, challenger"
    assert ids(registry, home, "release") == ["1", "2"]
    assert ids(registry, home, "model") == ids(registry, home, "run") == [], "each release keeps its model and its run"
    models = artefacts(home)
    for old in list(aged(registry, home, LATER, ROLLBACK)):
        remove(registry, home, old)
    assert folders(home) == {"3", "4", "5"}
    left = ids(registry, home, "model")
    assert len(left) == 2, "what a process that is killed here leaves is named by the next"
    for old in list(aged(registry, home, LATER, ROLLBACK)):
        remove(registry, home, old)
        remove(registry, home, old)
    purge(home)
    assert artefacts(home) == models - set(left)
    assert not list(aged(registry, home, LATER, ROLLBACK))
    assert registry.live() == "4"
    assert registry.rollback("ada", "it works", AT + timedelta(days=399)) == "3"


def test_a_run_without_a_release_goes_with_its_artefacts(registry: Registry, logged: object, home: Settings) -> None:
    (old,) = aged(registry, home, LATER, ROLLBACK)
    assert (old.kind, old.day) == ("run", AT.date())
    assert oldest_in_database(home, "shop") == AT.date()
    assert old.files is not None
    assert any(old.files.iterdir())
    remove(registry, home, old)
    assert oldest_in_database(home, "shop") == AT.date(), "marked as deleted, it is still there"
    purge(home)
    assert oldest_in_database(home, "shop") is None
    assert not Path(old.files).exists() or not any(old.files.iterdir())
    assert not mlflow_client(home).search_runs(["1"])
