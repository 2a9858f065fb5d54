"""The simulation of alarms, shortened: a week in which nothing changes, and days on which something does."""

from tests.prove.alarms import Platform, false_alarms, noticed

SMALL = Platform(pages=200, users=250, regions=3, devices=2)


def test_a_week_without_a_change_raises_no_alarm() -> None:
    assert not false_alarms(1, SMALL, seed=1, days=7)


def test_a_feature_that_arrives_null_in_one_region_is_named_on_each_day() -> None:
    assert noticed(3, SMALL, seed=2)["null"] == 1.0
