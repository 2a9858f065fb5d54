"""A policy is a value: it travels as JSON, and what nobody could follow is refused where it is written."""

import json
from dataclasses import replace

import msgspec
import pytest

from serving.definition import Caps, Diversity, Exploration, Step, from_json, to_json
from serving.eligible import passes
from serving.home_feed import HOME_FEED, SERVED
from validation.errors import DefinitionError

LIVE = {"status": "live", "regions": []}


def test_a_policy_survives_its_release() -> None:
    assert from_json(to_json(HOME_FEED)) == HOME_FEED


def test_a_policy_of_another_version_is_refused() -> None:
    written = {**json.loads(to_json(HOME_FEED)), "serendipity": 3}
    with pytest.raises(DefinitionError, match="serendipity"):
        from_json(json.dumps(written).encode())


def test_a_source_nobody_can_draw_from_is_refused() -> None:
    odd = msgspec.structs.replace(HOME_FEED.sources[0], kind="horoscope")
    with pytest.raises(DefinitionError, match="horoscope"):
        msgspec.structs.replace(HOME_FEED, sources=(odd,))


SHOWN = [
    ("live, everywhere", LIVE, {"region": "FR"}, True),
    ("removed", {**LIVE, "status": "removed"}, {"region": "FR"}, False),
    ("private", {**LIVE, "status": "private"}, {"region": "FR"}, False),
    ("of another region", {**LIVE, "regions": ["DE"]}, {"region": "FR"}, False),
    ("of this region too", {**LIVE, "regions": ["DE", "FR"]}, {"region": "FR"}, True),
    ("somewhere, asker nowhere", {**LIVE, "regions": ["DE"]}, {}, False),
    ("status unknown", {"regions": []}, {"region": "FR"}, False),
    ("regions unknown", {"status": "live"}, {"region": "FR"}, False),
    ("regions null", {**LIVE, "regions": None}, {"region": "FR"}, False),
    ("nothing known", {}, {"region": "FR"}, False),
]


@pytest.mark.parametrize(("why", "item", "asker", "shown"), SHOWN, ids=[case[0] for case in SHOWN])
def test_what_is_not_known_to_be_allowed_is_not_shown(why: str, item: dict, asker: dict, shown: bool) -> None:
    assert passes(HOME_FEED.filters, item, asker) is shown


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
            msgspec.structs.replace(HOME_FEED, steps=steps)


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
        replace(SERVED, policy=msgspec.structs.replace(HOME_FEED, steps=(step,)))
