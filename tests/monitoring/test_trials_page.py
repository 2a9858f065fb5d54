"""The tables of guardrails in the docs are those of the definitions."""

from monitoring.systems.fraud import FRAUD_TRIAL
from monitoring.systems.home_feed import HOME_FEED_TRIAL
from monitoring.trials_page import PAGE, table, with_tables


def test_the_page_has_the_tables_of_the_definitions() -> None:
    page = PAGE.read_text()
    systems = {"home_feed": HOME_FEED_TRIAL, "fraud": FRAUD_TRIAL}
    assert with_tables(page, systems) == page, "python -m monitoring.trials_page writes it"


def test_a_table_says_the_goal_each_guardrail_and_each_level() -> None:
    lines = table(FRAUD_TRIAL).splitlines()
    assert len(lines) == 2 + 1 + len(FRAUD_TRIAL.guardrails) + len(FRAUD_TRIAL.levels)
    assert any("in any channel" in line for line in lines)
    assert any("7 days" in line and "(the goal)" in line for line in lines)
