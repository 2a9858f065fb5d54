"""Alert rules ask for metrics that the service has, and explain themselves."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from serving import metrics

WRITTEN = yaml.safe_load((Path(__file__).parents[2] / "infra" / "alerts.yaml").read_text())
RULES: list[dict[str, Any]] = [rule for group in WRITTEN["groups"] for rule in group["rules"]]
EXPOSED = {
    name
    for family in metrics.REGISTRY.collect()
    for name in (family.name + "_total" if family.type == "counter" else family.name,)
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_asks_for_what_is_there_and_says_what_it_means(rule: dict[str, Any]) -> None:
    asked = set(re.findall(r"flywheel_\w+", rule["expr"]))
    assert asked
    assert asked <= EXPOSED
    assert rule["annotations"]["summary"].endswith(".")


def test_the_share_of_answers_that_know_their_asker_has_an_objective() -> None:
    (rule,) = [rule for rule in RULES if "flywheel_personalised_objective" in rule["expr"]]
    assert "flywheel_personalised_answers_total" in rule["expr"]


def test_trees_that_cost_ten_times_the_cpu_are_told() -> None:
    assert [rule["alert"] for rule in RULES if "flywheel_trees_by_xgboost" in rule["expr"]] == [
        "TreesAreScoredByXGBoost"
    ]
