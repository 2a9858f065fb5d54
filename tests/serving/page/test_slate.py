"""A page made by the policy's steps out of what is known of the candidates."""

from typing import Any

import msgspec
import numpy as np
import pytest

from feature_repo.records import connect, redis_records
from feature_repo.records.layout import layouts
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from serving.definition import ReleasePolicy
from serving.items.item_states import Codes, ItemStates
from serving.page.rerank import Vectors
from serving.page.slate import Arrangement, arranged
from serving.steps import Caps, Diversity, Exploration, FreshSlots, Step
from serving.systems.home_feed import RELEASE, SERVICE

SCORES = -np.arange(60, dtype=np.float32)  # v0 is the best, v59 the worst
HOUR = 3600
RARE = [("v30",), ("v40",), ("v50",)]
EXPLORE = Exploration(0.2, "video.shown_30d", 30)


@pytest.fixture
def states(world: Any) -> ItemStates:
    """The world's sixty videos of three categories; three were hardly ever shown, the last six were born today."""
    world.count("video", RARE, lambda i, name: 2)
    states, views = ItemStates(FEATURES, SERVICE), layouts(FEATURES)
    redis = connect(world.settings.redis_url)
    for view in states.views:
        states.take(view, redis_records.read_all_records(redis, views[view]))
    return states


def policy(*steps: Step) -> ReleasePolicy:
    return msgspec.structs.replace(RELEASE, steps=steps)


def page(states: ItemStates, world: Any, *steps: Step, **how: Any) -> Arrangement:
    block, now = states.gather(states.rows(world.videos)), world.settings.replay_from.timestamp()
    options: dict[str, Any] = {"vectors": by_category(states), "limit": 6, "now": now, "seed": 1, **how}
    vectors = options.pop("vectors")
    return arranged(policy(*steps), block, SCORES, vectors, **options)


def by_category(states: ItemStates) -> Vectors:
    """Videos of a category are the same, those of different ones have nothing in common."""

    def vectors(rows: Codes) -> np.ndarray:
        codes = states.field("video_profile.category", rows)
        return np.eye(4, dtype=np.float32)[codes % 4]

    return vectors


PAGES = [
    ("no steps: by score", (), {}, [0, 1, 2, 3, 4, 5]),
    ("a cap", (Caps({"video_profile.category": 1}),), {"limit": 4}, [0, 1, 2, 3]),
    ("two places for what is new", (FreshSlots(2, 6, 24 * HOUR),), {}, [0, 1, 2, 3, 54, 55]),
    ("of a small page none", (FreshSlots(2, 20, 24 * HOUR),), {}, [0, 1, 2, 3, 4, 5]),
    ("new ones, then no more than one a creator", (FreshSlots(2, 6, 24 * HOUR), Caps({"video_profile.creator_id": 1})),
     {}, [0, 1, 2, 3, 54, 55]),
    ("likeness is unknown: the step is left out", (Diversity(0.5, 60),), {"vectors": None}, [0, 1, 2, 3, 4, 5]),
    ("nothing is drawn without a seed", (EXPLORE,), {"seed": None}, [0, 1, 2, 3, 4, 5]),
]  # fmt: skip


@pytest.mark.parametrize(("why", "steps", "how", "places"), PAGES, ids=[case[0] for case in PAGES])
def test_steps_make_a_page(
    states: ItemStates, world: Any, why: str, steps: tuple[Step, ...], how: dict[str, Any], places: list[int]
) -> None:
    arrangement = page(states, world, *steps, **how)
    assert arrangement.places.tolist() == places
    assert arrangement.propensities.tolist() == [1.0] * len(places)


def test_diversity_looks_no_deeper_than_its_depth(states: ItemStates, world: Any) -> None:
    only_cooking = lambda rows: np.tile(np.float32([1, 0]), (len(rows), 1))  # noqa: E731
    assert page(states, world, Diversity(0.3, depth=10), vectors=only_cooking).places.max() < 10


def test_diversity_spreads_a_page_over_kinds(states: ItemStates, world: Any) -> None:
    world_of_runs = np.repeat([0, 1, 2], 20)

    def in_runs(rows: Codes) -> np.ndarray:
        return np.eye(3, dtype=np.float32)[world_of_runs[[int(v[1:]) for v in states.names(rows)]]]

    by_score, diverse = (page(states, world, *steps, vectors=in_runs) for steps in [(), (Diversity(1, 60),)])
    assert set(world_of_runs[by_score.places]) == {0}
    assert set(world_of_runs[diverse.places]) == {0, 1, 2}


def test_only_what_was_hardly_ever_shown_is_explored(states: ItemStates, world: Any) -> None:
    rare = {int(name[1:]) for (name,) in RARE}
    pages = [page(states, world, EXPLORE, seed=seed, limit=10) for seed in range(60)]
    for explored in pages:
        drawn = explored.places >= 10
        assert drawn.sum() == 2
        assert set(explored.places[drawn].tolist()) <= rare
        np.testing.assert_allclose(explored.propensities[drawn], 0.2 / 3, rtol=1e-6)
        np.testing.assert_allclose(explored.propensities[~drawn], 0.8, rtol=1e-6)
    assert {int(i) for explored in pages for i in explored.places if i >= 10} == rare


def test_all_steps_of_the_feed_keep_their_promises_together(states: ItemStates, world: Any) -> None:
    feed = page(states, world, *RELEASE.steps, limit=20)
    assert len(set(feed.places.tolist())) == 20
    certain = feed.places[feed.propensities > 0.5]
    creators = [int(place) % 20 for place in certain]
    assert max(creators.count(c) for c in creators) <= 2
    assert (feed.places >= 54).sum() >= 1, "of the two promised, chance may have displaced one"


def test_fewer_candidates_than_places_are_all_shown(states: ItemStates, world: Any) -> None:
    assert sorted(page(states, world, *RELEASE.steps, limit=100).places.tolist()) == list(range(60))


def test_no_candidates_make_an_empty_page(states: ItemStates) -> None:
    nothing = states.gather(states.rows([]))
    empty = arranged(RELEASE, nothing, np.zeros(0, dtype=np.float32), by_category(states), limit=20, now=0.0, seed=1)
    assert empty.places.tolist() == []
