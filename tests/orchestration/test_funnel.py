"""The funnel's report: figures of feeds by the simulator's truth, and the page they are written on."""

import msgspec
import numpy as np
import pytest

from orchestration.funnel import figures, page, steps
from orchestration.funnel.figures import Feeds
from orchestration.sources.simulator import TINY, World
from serving.home_feed import HOME_FEED
from validation.resampling import Interval

AT = TINY.begin + 1.5 * 86_400


@pytest.fixture(scope="module")
def world() -> World:
    """A tiny platform."""
    return World.make(TINY)


def feeds(world: World, *pages: list[int]) -> Feeds:
    """Pages of videos by place, one for each of the first users."""
    users = [str(world.users.ids[i]) for i in range(len(pages))]
    return Feeds.of(world, users, [list(world.videos.listed(np.array(p))) for p in pages], [AT] * len(pages))


def test_the_best_feed_is_worth_more_than_any_other(world: World) -> None:
    best = [world.videos.places(world.best(user, AT)).tolist() for user in (0, 1)]
    live = world.platform.videos.live(AT)
    random = [np.random.default_rng(user).permutation(live)[:10].tolist() for user in (0, 1)]
    assert (figures.utility(world, feeds(world, *best)) > figures.utility(world, feeds(world, *random))).all()


def test_a_shorter_page_counts_its_own_places(world: World) -> None:
    live = world.platform.videos.live(AT).tolist()
    long, short = figures.utility(world, feeds(world, live[:4], live[:2]))
    _, alone = figures.utility(world, feeds(world, live[:2], live[:2]))
    assert short == alone
    assert np.isfinite([long, short]).all()


def test_coverage_counts_a_video_once(world: World) -> None:
    live = world.platform.videos.live(AT)
    same, other = feeds(world, *[live[:5].tolist()] * 2), feeds(world, live[:5].tolist(), live[5:10].tolist())
    assert figures.coverage(world, same) == pytest.approx([5 / len(live)])
    assert figures.coverage(world, other) == pytest.approx([10 / len(live)])


def test_variety_is_the_share_of_pairs_that_differ(world: World) -> None:
    topic = world.platform.videos.category
    one, other = np.flatnonzero(topic == topic[0])[:2], np.flatnonzero(topic != topic[0])[:1]
    found = figures.variety(world, feeds(world, one.tolist(), [*one, *other], other.tolist()))
    np.testing.assert_allclose(found, [0, 2 / 3, np.nan])


def test_new_are_videos_of_a_day(world: World) -> None:
    born = world.platform.videos.born
    live = world.platform.videos.live(AT)
    new, old = live[born[live] > AT - 86_400][:2], live[born[live] < AT - 90_000][:2]
    assert figures.figures(world, feeds(world, [*new, *old], [*new]))["new"].tolist() == [0.5, 1.0]


def test_top_creators_are_those_shown_most(world: World) -> None:
    creator = world.platform.videos.creator
    mine, other = np.flatnonzero(creator == creator[0])[:3], np.flatnonzero(creator != creator[0])[:1]
    shares = figures.top_creators(world, feeds(world, [*mine, *other], [*other, *mine]))
    assert shares.tolist() == [0.75, 0.75]


def test_every_step_is_measured_alone_and_with_the_others() -> None:
    found = steps.variants(HOME_FEED)
    assert list(found) == ["no steps", "+ Diversity", "+ Caps", "+ FreshSlots", "+ Exploration", "all steps"]
    assert [len(policy.steps) for policy in found.values()] == [0, 1, 1, 1, 1, 4]
    assert found["all steps"] == HOME_FEED
    alone = msgspec.structs.replace(HOME_FEED, steps=())
    assert found["no steps"] == alone


def test_the_page_names_its_command_and_every_figure_with_its_interval() -> None:
    facts = {"command": "flywheel funnel --users 9", "users": 9, "seed": 7, "limit": 20, "days": 14, "live": 1200}
    measured = {name: Interval(0.25, 0.2, 0.3, 9) for name in page.FIGURES}
    text = page.page(facts, HOME_FEED, {"no steps": measured, "all steps": measured})
    assert "`flywheel funnel --users 9`" in text
    assert "| all steps | 0.250 [0.200, 0.300] | +0.250 [+0.200, +0.300] | 25.0% [20.0%, 30.0%] |" in text
    assert "Exploration(share=0.05" in text
