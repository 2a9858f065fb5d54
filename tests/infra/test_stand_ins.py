"""Stand-ins: an import finds what stands in for a module while the block runs, and the module afterwards."""

import importlib
import sys
from types import ModuleType

import pytest

from infra.stand_ins import Later, stand_ins, without


@pytest.fixture
def unused(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module that this process has not imported, and will not have afterwards."""
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    return "colorsys"


def test_a_module_is_missing_only_while_the_block_runs(unused: str) -> None:
    with without(unused), pytest.raises(ModuleNotFoundError):
        importlib.import_module(unused)
    assert importlib.import_module(unused).__name__ == unused


def test_what_is_imported_already_stays() -> None:
    with without("json"):
        assert importlib.import_module("json") is sys.modules["json"]
        assert sys.modules["json"] is not None


def test_an_import_gives_the_stand_in_while_the_block_runs(unused: str) -> None:
    stand_in = ModuleType(unused)
    with stand_ins({unused: stand_in}):
        assert importlib.import_module(unused) is stand_in
    assert importlib.import_module(unused) is not stand_in


def test_a_module_is_loaded_when_something_of_it_is_read(unused: str) -> None:
    with stand_ins({unused: Later(unused)}):
        module = importlib.import_module(unused)
    assert unused not in sys.modules
    assert module.rgb_to_hsv(0.0, 0.0, 0.0) == (0.0, 0.0, 0.0)
    assert unused in sys.modules


def test_a_block_that_fails_leaves_nothing_behind(unused: str) -> None:
    with pytest.raises(ValueError, match="within"), without(unused):
        raise ValueError("within")
    assert unused not in sys.modules
