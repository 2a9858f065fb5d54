"""A task that names what is not there is refused when the system is put together."""

from dataclasses import replace
from typing import Any

import pytest

from infra.errors import DefinitionError
from orchestration.system import System
from orchestration.systems.home_feed import HOME_FEED
from tests.orchestration.fraud import FRAUD
from training.contenders import ByColumn
from training.definition import SliceDefinition
from training.objectives import Classify, Regress


@pytest.mark.parametrize("system", [HOME_FEED, FRAUD], ids=lambda system: system.name)
def test_the_systems_that_there_are_fit(system: System) -> None:
    replace(system)


@pytest.mark.parametrize(("change", "said"), [
    ({"decisions": "payment"}, "`payment` is not defined. Did you mean `payments`"),
    ({"outcomes_in": "dispute"}, "table `dispute` is not defined. Did you mean `disputes`"),
    ({"unit": "queues"}, "task fraud: unit, among the rows of payments: `queues` .* Did you mean `queue`"),
    ({"cluster": "crad"}, "cluster, .* Did you mean `card`"),
    ({"match": ("paymnt",)}, "match, .* Did you mean `payment`"),
    ({"objective": Classify(amount="amuont")}, "amount, among the objective Classify: .* Did you mean `amount`"),
    ({"objective": Regress(base="route_minutes")}, "base, among the objective Regress: `route_minutes`"),
    ({"slices": (SliceDefinition("s", "setcor"),)}, "slice s, among the slices: .* Did you mean `sector`"),
    ({"contenders": (ByColumn("x", "payments_1d"),)}, "contender x, .* Did you mean `payments_7d`"),
    ({"logged_only": ("amounts",)}, "logged_only, among the context features: .* Did you mean `amount`"),
])  # fmt: skip
def test_what_is_not_there_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        replace(FRAUD, task=replace(FRAUD.task, **change))
