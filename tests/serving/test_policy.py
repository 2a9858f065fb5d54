"""A policy is a value: it travels as JSON, and what nobody could follow is refused where it is written."""

import json

import msgspec
import pytest

from serving.definition import from_json, to_json
from serving.eligible import passes
from serving.home_feed import HOME_FEED
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
