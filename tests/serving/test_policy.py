"""A policy is a value: it travels as JSON, and what nobody could follow is refused where it is written."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from infra.errors import DefinitionError
from serving.definition import Policy, ProcessValues
from serving.filters import NotBlocked, OneOf
from serving.policy_json import from_json, to_json
from serving.sources import Liked, Rare, Trending
from serving.steps import Caps, Diversity, Exploration, Step
from serving.systems.home_feed import CREATOR, HOME_FEED, RELEASE, SERVED, SERVICE


def changed(**values: Any) -> Policy:
    """The feed's policy with other values in its release."""
    return Policy(SERVICE, msgspec.structs.replace(RELEASE, **values))


def test_a_policy_survives_its_release() -> None:
    assert from_json(to_json(HOME_FEED)) == HOME_FEED


def test_a_policy_of_another_version_is_refused() -> None:
    written = {**json.loads(to_json(HOME_FEED)), "serendipity": 3}
    with pytest.raises(DefinitionError, match="serendipity"):
        from_json(json.dumps(written).encode())


def test_values_of_a_process_do_not_travel_in_a_release() -> None:
    served = replace(SERVED, process=ProcessValues(fresh_every=5))
    assert to_json(served.policy) == to_json(HOME_FEED)


def test_a_page_of_nothing_but_fresh_items_is_refused() -> None:
    with pytest.raises(DefinitionError, match="write 2 or more"):
        ProcessValues(fresh_every=1)


def test_a_source_nobody_can_draw_from_is_refused() -> None:
    written = json.loads(to_json(HOME_FEED))
    written["sources"][0]["type"] = "Horoscope"
    with pytest.raises(DefinitionError, match="Horoscope"):
        from_json(json.dumps(written).encode())


WRONG_WORDS = [
    (
        "sources",
        Liked(name="s", quota=1, field=CREATOR, counter="user_creator.shwn_30d", groups=1),
        "user_creator.shown",
    ),
    ("sources", Liked(name="s", quota=1, field=CREATOR, counter="user_category.shown_30d", groups=1), "user_category"),
    ("sources", Rare(name="s", quota=1, exposure="creator.shown_30d", below=1), "creator.shown_30d"),
    ("sources", Trending(name="s", quota=1, attribute="region", locally="category.shown_1d"), "category.shown_1d"),
    ("filters", NotBlocked(CREATOR, "user_choice.blok_3650d"), "user_choice.block_3650d"),
    ("filters", NotBlocked(CREATOR, "user_choice.follow_3650d"), "user_choice.block_3650d"),
    ("filters", OneOf("video_profile.state", ("live",)), "video_profile.status"),
]


@pytest.mark.parametrize(("part", "word", "named"), WRONG_WORDS, ids=[str(i) for i in range(len(WRONG_WORDS))])
def test_what_reads_something_nobody_knows_is_refused(part: str, word: Any, named: str) -> None:
    with pytest.raises(DefinitionError, match=named):
        replace(SERVED, policy=changed(**{part: (word,)}))


def test_steps_that_cannot_be_followed_are_refused() -> None:
    explore = Exploration(0.05, "video.shown_30d", 30)
    for steps, why in [
        ((Exploration(1.5, "video.shown_30d", 30),), "share"),
        ((explore, Diversity(0.2, 60)), "put it last"),
        ((explore, explore), "put it last"),
        ((Diversity(0, 60),), "above 0"),
        ((Caps({"creator": 2}),), "no attribute of items"),
    ]:
        with pytest.raises(DefinitionError, match=why):
            changed(steps=steps)


@pytest.mark.parametrize(
    ("step", "named"),
    [
        (Exploration(0.05, "video.shwn_30d", 30), "video.shown_30d"),
        (Exploration(0.05, "creator.shown_30d", 30), "creator.shown_30d"),
        (Caps({"video_profile.creator": 2}), "video_profile.creator_id"),
    ],
    ids=["a misspelt counter", "a counter of others than items", "a misspelt attribute"],
)
def test_a_step_that_reads_what_nobody_counts_is_refused(step: Step, named: str) -> None:
    with pytest.raises(DefinitionError, match=named):
        replace(SERVED, policy=changed(steps=(step,)))
