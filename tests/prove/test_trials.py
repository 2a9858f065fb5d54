"""Simulated trials, a few of each kind: equal releases are let be, a worse one is stopped, a better one wins."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.prove.trial_world import Trials
from tests.prove.trials import BETTER, EQUAL, MUCH_WORSE, ONE_REGION, Size, courses, ended


@pytest.fixture(scope="module")
def equal() -> Trials:
    """Trials of equal releases on a small platform."""
    return Size(users=8_000, pages=12_000, days=4).trials(EQUAL)


def test_equal_releases_are_not_aborted_though_looked_at_all_the_time(equal: Trials) -> None:
    assert ended(courses(equal, 12, every=3.0, workers=1), "abort") == 0


def test_a_worse_release_is_stopped_at_the_first_share(equal: Trials) -> None:
    ran = courses(replace(equal, challenger=MUCH_WORSE), 4, workers=1, starts=(12.0,))
    assert {(course.end, course.moves[-1][1]) for course in ran} == {("abort", 5)}


def test_a_better_release_becomes_champion(equal: Trials) -> None:
    rules = replace(equal.rules, at_least=timedelta(hours=12))
    assert ended(courses(replace(equal, challenger=BETTER, rules=rules), 3, every=6.0, workers=1), "champion") == 1


def test_one_that_is_worse_in_one_region_is_stopped_there(equal: Trials) -> None:
    [course] = courses(replace(equal, challenger=ONE_REGION), 1, workers=1)
    parts = {finding.part for finding in course.moves[-1][2].findings if finding.state == "broken" and finding.slice}
    assert (course.end, parts) == ("abort", {"region 2"})
