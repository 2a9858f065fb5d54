"""A release that learned from erased people is live no longer than its deadline, and nothing puts it back after it."""

from datetime import timedelta

import msgspec
import pytest
from shop import AT

from infra.errors import HistoryLost, NotProven
from infra.settings import Settings
from tests.training.registry.test_registry import later, promote
from training.registry.deadlines import Deadline
from training.registry.registry import Registry


def test_a_release_past_its_deadline_goes_live_neither_by_promotion_nor_by_rollback(
    live_registry: Registry, live_home: Settings
) -> None:
    deadline = Deadline(later(30), later(10), "it learned from people who were erased on 2026-05-03")
    assert live_registry.learned_since(AT.date()) == ["1", "2", "3"]
    assert live_registry.learned_since(AT.date() + timedelta(days=1)) == []
    live_registry.set_deadline(["1", "3"], deadline)
    live_registry.set_deadline(["1"], msgspec.structs.replace(deadline, until=later(90)))
    assert live_registry.deadlines()["1"] == deadline, "a later one does not take its place"
    with pytest.raises(NotProven, match=r"release 3: it learned from people.*\s.*flywheel run retrain"):
        promote(live_registry, "3", 31)
    with pytest.raises(NotProven, match="release 1: it learned from people"):
        live_registry.rollback("ada", "long views fell", later(31))
    assert live_registry.live() == "2"
    assert live_registry.rollback("ada", "long views fell", later(29)) == "1", "until then it may"
    promote(live_registry, "3", 29.5)
    assert live_registry.live() == "3"


def test_a_release_that_is_gone_does_not_have_to_be_replaced(live_registry: Registry) -> None:
    deadline = Deadline(later(30), later(10), "it learned from people who were erased on 2026-05-03")
    live_registry.set_deadline(["1", "9"], deadline)
    assert live_registry.deadlines() == {"1": deadline}


def test_without_knowing_which_releases_have_a_deadline_nothing_goes_live(
    live_registry: Registry, live_home: Settings
) -> None:
    (live_home.of("shop").releases / "deadlines.json").write_text("{")
    with pytest.raises(HistoryLost, match="Put back its last copy"):
        promote(live_registry, "3")
