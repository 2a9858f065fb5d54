"""Item states: what was taken from Redis is what a request gathers, all of it at once."""

from typing import Any

import numpy as np
import pytest

from feature_repo.records import connect, redis_records
from feature_repo.records.layout import layouts
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from infra.marks import mark
from serving.items.item_states import ItemStates
from serving.systems.home_feed import SERVICE


@pytest.fixture
def states(world: Any) -> ItemStates:
    """Everything the world's Redis holds."""
    states, views = ItemStates(FEATURES, SERVICE), layouts(FEATURES)
    redis = connect(world.settings.redis_url)
    for view in states.views:
        states.take(view, redis_records.read_all_records(redis, views[view]))
    return states


def test_a_block_holds_what_is_known_of_its_items(states: ItemStates, world: Any) -> None:
    block = states.gather(states.rows(["v3", "v7", "nobody"]))
    assert block.known.tolist() == [True, True, False]
    assert block.marks[:2].tolist() == [mark("v3"), mark("v7")]
    values, at = block.counters("video")
    place = states.counters["video"].view.counters.index("long_view_1d")
    assert values[:, place].tolist() == [97, 93, 0]
    assert at[:2].tolist() == [world.settings.replay_from.timestamp() - 60] * 2
    assert np.isnan(at[2]), "nothing was ever published of an item never met"


def test_a_block_holds_numbers_exactly_and_words_as_codes(states: ItemStates, world: Any) -> None:
    block = states.gather(states.rows(["v3", "v59", "nobody"]))
    born, category = block.field("video_profile.uploaded_at"), block.field("video_profile.category")
    assert born is not None
    assert category is not None
    now = world.settings.replay_from.timestamp()
    assert born[:2].tolist() == [now - 3600 * 57 * 4, now - 3600 * 4], "to the second"
    assert np.isnan(born[2])
    vocabulary = states.vocabulary("video_profile.category")
    assert vocabulary is not None
    assert [vocabulary.words[code] for code in category] == ["cooking", "music", None]
    assert block.field("user_profile.region") is None, "an attribute of users is none of items"


def test_part_of_a_block_is_the_block_of_those_items(states: ItemStates) -> None:
    block = states.gather(states.rows(["v3", "nobody", "v7"]))
    part = block.take(np.array([2, 0]))
    assert states.names(part.rows) == ["v7", "v3"]
    assert part.known.tolist() == [True, True]
    assert part.marks.tolist() == [mark("v7"), mark("v3")]
    np.testing.assert_array_equal(part.counters("video")[0], block.counters("video")[0][[2, 0]])
