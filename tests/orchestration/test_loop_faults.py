"""What the closed loop plants is what it says: one digit of a policy, one column of one region."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from orchestration.demo.loop.accounts import Accounts
from orchestration.demo.loop.faults import SLIP, languages_lost, with_slip
from orchestration.demo.loop.plan import Plan
from orchestration.demo.loop.regional_fall import regional_fall
from orchestration.demo.loop.visits import Session, Visits
from orchestration.sources.simulator import TINY, World
from orchestration.systems.home_feed import HOME_FEED
from serving.steps import Exploration
from validation.systems.home_feed import UNKNOWN_LANGUAGE

HOUR = 3600.0


def test_the_slip_changes_one_digit_and_nothing_else() -> None:
    before, after = HOME_FEED.page.release, with_slip(HOME_FEED).page.release
    changed = [pair for pair in zip(before.steps, after.steps, strict=True) if pair[0] != pair[1]]
    assert [type(step) for _, step in changed] == [Exploration]
    assert changed[0][1] == Exploration(SLIP, changed[0][0].exposure, changed[0][0].below)
    assert (before.sources, before.filters, before.limits) == (after.sources, after.filters, after.limits)


def test_only_one_region_loses_its_languages(tmp_path: Path) -> None:
    world = World.make(TINY)
    at = TINY.finish + 23 * HOUR
    count = languages_lost(world, 1, at, tmp_path)
    (file,) = (tmp_path / "users").glob("*.parquet")
    rows = pq.read_table(file).to_pandas()
    assert count == len(rows) > 0
    assert set(rows["region"]) == {world.region_name(1)}
    assert set(rows["language"]) == {UNKNOWN_LANGUAGE}
    assert rows["user_id"].is_unique
    own = world.described(0, TINY.days + 1).users.to_pandas()
    assert not set(rows["user_id"]) & set(own[own["status"] == "deleted"]["user_id"])


def test_the_world_is_the_same_until_tastes_turn_and_another_one_after() -> None:
    plan = Plan(pages=100)
    world, steady, who = plan.world, World.make(plan.scale), np.arange(plan.scale.users)
    for number, same in ((plan.drift_on - 0.01, True), (plan.drift_on + 0.01, False)):
        at = np.full(len(who), plan.scale.finish + (number - 1) * 86_400)
        tastes = world.platform.users.taste(who, at), steady.platform.users.taste(who, at)
        assert np.array_equal(*tastes) is same


def test_a_later_page_of_a_session_comes_after_the_one_before_is_read() -> None:
    visits = Visits(World.make(TINY))
    visits.again(10.0, Session(who=1, device=0, left=2))
    visits.again(12.0, Session(who=2, device=0, left=1))
    seen = []
    for at, session in visits.until(100.0):
        seen.append((at, session.who))
        visits.again(at + 5.0, session)
    assert seen == [(10.0, 1), (12.0, 2), (15.0, 1)]


def test_no_pages_have_no_means() -> None:
    assert Accounts().means("hour").empty


@pytest.mark.parametrize(("fell", "sure"), [(0.2, True), (0.0, False)], ids=["fell", "as everywhere"])
def test_clicks_surely_fall_in_a_region_only_where_they_do(fell: float, sure: bool) -> None:
    draw, count = np.random.default_rng(0), 4_000
    region, after = draw.integers(0, 4, count), draw.random(count) < 0.5
    chance = 0.5 + 0.1 * after - fell * (after & (region == 1))  # everywhere else they rise
    pages = pd.DataFrame({"user": draw.integers(0, 500, count), "region": region, "after": after, "shown": 10})
    fall = regional_fall(pages.assign(clicks=draw.binomial(10, chance)), 1)
    assert (fall.high < 0) is sure
    assert fall.low < -fell < fall.high
