"""The runbook is what the definitions say, and no alarm is without an owner and a first step."""

from pathlib import Path

import pytest

from monitoring.alarms import ALARMS, BY_NAME, OWNERS, Alarm
from monitoring.runbook_page import page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_runbook_is_the_one_made_from_the_definitions() -> None:
    what_to_do = "regenerate it: python -m monitoring.runbook_page > docs/runbook.md"
    assert (DOCS / "runbook.md").read_text() == page(), what_to_do


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_every_alarm_has_an_owner_a_line_and_a_place_in_the_runbook(alarm: Alarm) -> None:
    assert alarm.owner in OWNERS
    assert len(alarm.runbook) > 20
    assert f"### {alarm.name}\n" in page()
    assert BY_NAME[alarm.name] is alarm
