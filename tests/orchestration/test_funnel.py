"""The funnel's report: figures of feeds by the simulator's truth, and the page they are written on."""

from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from infra.marks import marks
from infra.statistics.resampling import Interval
from orchestration.funnel import figures, page, sources, steps
from orchestration.funnel.figures import Feeds
from orchestration.sources.simulator import TINY, World
from serving.definition import Policy
from serving.page.page import Page
from serving.page.retrieve import Candidates
from serving.systems.home_feed import HOME_FEED, RELEASE, SERVICE

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


def test_a_page_of_one_topic_tires(world: World) -> None:
    user, topic = str(world.users.ids[0]), world.platform.videos.category
    best = world.videos.places(world.best(user, AT, 40))
    same_topic = best[topic[best] == topic[best[0]]][:8]
    pages = feeds(world, *[same_topic.tolist()] * 2)
    pages = Feeds(pages.who[[0, 0]], pages.shown, pages.at)
    alone = Feeds(np.zeros(len(same_topic), dtype=np.int64), same_topic[:, None], np.full(len(same_topic), AT))
    together = np.mean([figures.watched(world, pages, seed)[0].sum() for seed in range(300)])
    apart = np.mean([figures.watched(world, alone, seed).sum() for seed in range(300)])
    assert together < 0.9 * apart


def test_coverage_counts_a_video_once(world: World) -> None:
    live = world.platform.videos.live(AT)
    same, other = feeds(world, *[live[:5].tolist()] * 2), feeds(world, live[:5].tolist(), live[5:10].tolist())
    assert figures.coverage(world, same) == pytest.approx([5 / len(live)])
    assert figures.coverage(world, other) == pytest.approx([10 / len(live)])


def test_variety_is_the_share_of_pairs_that_differ(world: World) -> None:
    topic = world.platform.videos.category
    alike, other = np.flatnonzero(topic == topic[0])[:2], np.flatnonzero(topic != topic[0])[:1]
    shares = figures.variety(world, feeds(world, alike.tolist(), [*alike, *other], other.tolist()))
    np.testing.assert_allclose(shares, [0, 2 / 3, np.nan])


def test_new_are_videos_of_a_day(world: World) -> None:
    born = world.platform.videos.born
    live = world.platform.videos.live(AT)
    new, old = live[born[live] > AT - 86_400][:2], live[born[live] < AT - 90_000][:2]
    assert figures.figures(world, feeds(world, [*new, *old], [*new]), 1)["new"].tolist() == [0.5, 1.0]


def test_top_creators_are_those_shown_most(world: World) -> None:
    creator = world.platform.videos.creator
    by_first, other = np.flatnonzero(creator == creator[0])[:3], np.flatnonzero(creator != creator[0])[:1]
    shares = figures.top_creators(world, feeds(world, [*by_first, *other], [*other, *by_first]))
    assert shares.tolist() == [0.75, 0.75]


def test_every_step_is_measured_alone_and_with_the_others() -> None:
    variants = steps.variants(HOME_FEED)
    assert list(variants) == ["no steps", "+ Diversity", "+ Caps", "+ FreshSlots", "+ Exploration", "all steps"]
    assert [len(policy.release.steps) for policy in variants.values()] == [0, 1, 1, 1, 1, 4]
    assert variants["all steps"] == HOME_FEED
    alone = Policy(SERVICE, msgspec.structs.replace(RELEASE, steps=()))
    assert variants["no steps"] == alone


def test_the_page_names_its_command_and_every_figure_with_its_interval() -> None:
    facts = {"command": "flywheel funnel --users 9", "users": 9, "seed": 7, "limit": 20, "days": 14, "live": 1200}
    measured = {name: Interval(0.25, 0.2, 0.3, 9) for name in (*page.FIGURES, *page.SOURCE_FIGURES)}
    index = {"recall_at_500": 0.981, "engaged_at_500": 0.4, "asked": 120.0, "items": 5000.0}
    text = page.page(facts, HOME_FEED, {"no steps": measured, "all steps": measured}, {"fresh": measured}, index)
    assert "`flywheel funnel --users 9`" in text
    assert "| all steps | 0.250 [0.200, 0.300] | +0.250 [+0.200, +0.300] | 0.250" in text
    assert "| fresh | 0.2 [0.2, 0.3] | 0.250 [0.200, 0.300] | 25.0% [20.0%, 30.0%] |" in text
    assert "Of the 500 items nearest to a user by exact search, the index finds 98.1%" in text
    assert "Exploration(share=0.05" in text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Interval(0.5, 0.4, 0.6, 9), "0.500 [0.400, 0.600]"),
        (Interval(0.5, 0.5, 0.5, 9), "0.500"),
        (Interval(np.nan, np.nan, np.nan, 0), "–"),
    ],
    ids=["an interval", "nothing varies", "nothing to tell"],
)
def test_a_figure_is_written_with_what_is_known_of_it(value: Interval, written: str) -> None:
    assert page.cell(value, page.PLAIN) == written


class Named:
    """States that know videos of the world by place."""

    def __init__(self, world: World) -> None:
        self._world = world

    def names(self, rows: np.ndarray) -> list[str]:
        return list(self._world.videos.listed(rows))


def test_sources_share_candidates_places_and_long_views(world: World) -> None:
    user = str(world.users.ids[0])
    best = world.videos.places(world.best(user, AT, 12))
    worst = world.platform.videos.live(AT)[:8]
    first, second, *_ = RELEASE.sources
    retrieved = Candidates(
        SimpleNamespace(rows=np.concatenate([best, np.setdiff1d(worst, best)])),  # type: ignore[arg-type]
        np.repeat([0, 1], [12, len(np.setdiff1d(worst, best))]).astype(np.uint8),
    )
    shown = list(world.videos.listed(best[:10]))
    source_names = [first.name] * 9 + [second.name]
    served = Page(shown, marks(shown), source_names, np.ones(10, np.float32), "full", at=AT, candidates=retrieved)
    figures_by_source = sources.describe(world, HOME_FEED, Named(world), [user, user], [served, served], seed=1)  # type: ignore[arg-type]
    assert figures_by_source[first.name]["candidates"].mean == 12
    assert figures_by_source[first.name]["shown"].mean == pytest.approx(0.9)
    assert figures_by_source[second.name]["shown"].mean == pytest.approx(0.1)
    assert figures_by_source[sources.EVERY]["shown"].mean == 1
    assert figures_by_source[first.name]["true utility"].mean > figures_by_source[second.name]["true utility"].mean
    live = len(world.live_videos(AT, user))
    assert figures_by_source[first.name]["recall"].mean == pytest.approx(12 / min(sources.TOP, live))
    assert figures_by_source[RELEASE.sources[2].name]["candidates"].mean == 0
    assert figures_by_source[first.name]["long views"].mean + figures_by_source[second.name][
        "long views"
    ].mean == pytest.approx(1)
