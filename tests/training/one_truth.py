"""What must hold of a registry after anything: one release, named alike everywhere."""

from infra.settings import Settings
from tests.training.registry.test_registry import aliases, pointer
from training.registry.registry import Registry


def agree(home: Settings, gone: str | None = None) -> str:
    """The one release that history, pointer and aliases name; an alias cannot name one that is gone from MLflow."""
    registry = Registry(home, "shop")
    assert registry.disagreements() == []
    assert [name for name in aliases(home) if name == "champion"] == ["champion"]
    named = {registry.live(), pointer(home)["champion"]["version"], aliases(home)["champion"]}
    assert len(named) == 1, named
    previous = (pointer(home)["previous"] or {}).get("version")
    assert aliases(home).get("previous") == (previous if previous != gone else None)
    return str(named.pop())
