"""What must hold of a registry after anything: one release live, at most one on trial, named alike everywhere."""

from infra.settings import Settings
from tests.training.registry.test_registry import pointer
from training.registry.aliases import aliases
from training.registry.registry import Registry
from training.registry.stages import TRIAL, Stage


def agree(home: Settings, gone: str | None = None) -> str:
    """The one release that history, pointer and aliases name; an alias cannot name one that is gone from MLflow."""
    registry = Registry(home, "shop")
    assert registry.disagreements() == []
    named_in_mlflow = aliases(home, "shop")
    named = {registry.live(), pointer(home)["champion"]["version"], named_in_mlflow["champion"]}
    assert len(named) == 1, named
    previous = (pointer(home)["previous"] or {}).get("version")
    assert named_in_mlflow.get("previous") == (previous if previous != gone else None)
    assert pointer(home)["epoch"] == registry.epoch()
    live, stages = str(named.pop()), registry.standing().stages
    assert [version for version, stage in stages.items() if stage is Stage.CHAMPION] == [live], "exactly one champion"
    tried = pointer(home)["challenger"]
    trial = registry.trial()
    assert named_in_mlflow.get("challenger") == (trial.version if trial else None)
    assert [version for version, stage in stages.items() if stage in TRIAL] == ([trial.version] if trial else [])
    assert (tried and (tried["release"]["version"], tried["share"], tried["salt"])) == (
        trial and (trial.version, trial.share, trial.salt)
    )
    return live
