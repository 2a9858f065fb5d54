"""Eligibility fails closed: what is not known to be allowed is not shown, in memory or from a release's lists."""

from typing import Any

import numpy as np
import pytest

from infra.marks import mark, marks
from serving.filters import AtMost, OneOf
from serving.page.eligibility import Eligibility, Filters
from serving.systems.home_feed import RELEASE
from tests.serving.memory import ADULT, PLAIN, described, take

BLOCK = "user_choice.block_3650d"

CASES: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("plain", {}, ADULT, True),
    ("removed", {"status": "removed"}, ADULT, False),
    ("private", {"status": "private"}, ADULT, False),
    ("status unknown", {"status": None}, ADULT, False),
    ("of another region", {"regions": ["DE"]}, ADULT, False),
    ("of this region too", {"regions": ["DE", "FR"]}, ADULT, True),
    ("somewhere, asker nowhere", {"regions": ["DE"]}, {"age_group": "18"}, False),
    ("somewhere, asker in a place nobody knows", {"regions": ["DE"]}, {"region": "Atlantis"}, False),
    ("everywhere, asker nowhere", {}, {"age_group": "18"}, True),
    ("regions unknown", {"regions": None}, ADULT, False),
    ("rated for adults, adult", {"age_rating": "18"}, ADULT, True),
    ("rated for adults, 16", {"age_rating": "18"}, {"region": "FR", "age_group": "16"}, False),
    ("rated 16, 16", {"age_rating": "16"}, {"region": "FR", "age_group": "16"}, True),
    ("rated 13, age unknown", {"age_rating": "13"}, {"region": "FR"}, False),
    ("rated 13, age of a kind nobody defined", {"age_rating": "13"}, {"region": "FR", "age_group": "99"}, False),
    ("for all, age unknown", {}, {"region": "FR"}, True),
    ("not rated", {"age_rating": None}, ADULT, False),
    ("rated in a way nobody defined", {"age_rating": "99"}, ADULT, False),
    ("of a blocked creator", {"creator_id": "bad"}, ADULT, False),
    ("of an unknown creator", {"creator_id": None}, ADULT, False),
]  # fmt: skip


@pytest.mark.parametrize(("why", "facts", "asker", "shown"), CASES, ids=[case[0] for case in CASES])
def test_what_is_not_known_to_be_allowed_is_not_shown(
    why: str, facts: dict[str, Any], asker: dict[str, Any], shown: bool
) -> None:
    states = described(v1=facts, other={"creator_id": "bad", "regions": ["DE"]})
    may = Eligibility(Filters(RELEASE.filters, states), asker, {BLOCK: states.words["creator_id"].find_all(["bad"])})
    assert may.mask(states.gather(states.rows(["v1"]))).tolist() == [shown]
    assert may.allow(mark("v1"), {**PLAIN, **facts}) is shown


def test_an_item_without_attributes_is_not_shown() -> None:
    states = described(v1={})
    may = Eligibility(Filters(RELEASE.filters, states), ADULT)
    assert may.mask(states.gather(states.rows(["v2", "v1"]))).tolist() == [False, True]
    assert not may.allow(mark("v2"), {})


@pytest.mark.parametrize(
    "odd",
    [OneOf("video_profile.state", ("live",)), AtMost("video_profile.duration_s", "age_group", ("20.0",))],
    ids=["a field nobody has", "a field that is a number"],
)
def test_a_filter_that_cannot_be_applied_lets_nothing_through(odd: Any) -> None:
    states = described(v1={})
    assert not Filters((odd,), states).anybody(states.gather(states.rows(["v1"]))).any()
    assert not Filters((odd,), states).allow({**PLAIN, "duration_s": None}, ADULT, {})


def test_words_met_later_are_judged_too() -> None:
    states = described(v1={}, v2={"regions": ["DE"]})
    may = Eligibility(Filters(RELEASE.filters, states), ADULT)
    assert may.mask(states.gather(states.rows(["v1", "v2"]))).tolist() == [True, False]
    take(states, "video_profile", {("v3",): {**PLAIN, "regions": ["FR"]}, ("v4",): {**PLAIN, "status": "secret"}})
    assert may.mask(states.gather(states.rows(["v1", "v2", "v3", "v4"]))).tolist() == [True, False, True, False]


def test_a_blocked_creator_whom_nobody_here_knows_is_blocked_still() -> None:
    """A release's list may name creators of whom no state has come yet: then so may the block."""
    states = described(v1={})
    blocked = {BLOCK: states.words["creator_id"].find_all(["stranger"])}
    may = Eligibility(Filters(RELEASE.filters, states), ADULT, blocked)
    assert not may.allow(mark("v9"), {**PLAIN, "creator_id": "stranger"})
    assert may.allow(mark("v9"), {**PLAIN, "creator_id": "c1"})
    assert Eligibility(Filters(RELEASE.filters, states), ADULT).allow(mark("v9"), {**PLAIN, "creator_id": "stranger"})


def test_what_was_shown_is_not_shown_until_it_may_be_again() -> None:
    states = described(v1={}, v2={}, v3={})
    may = Eligibility(Filters(RELEASE.filters, states), ADULT, seen=np.sort(marks(["v2", "v9", "elsewhere"])))
    block = states.gather(states.rows(["v1", "v2", "v3"]))
    assert may.mask(block).tolist() == [True, False, True]
    assert not may.allow(mark("v9"), PLAIN)
    assert may.again().mask(block).all()
    assert may.again().allow(mark("v9"), PLAIN)


def test_regions_that_requests_invent_are_not_remembered() -> None:
    states = described(v1={}, v2={"regions": ["DE"]})
    filters = Filters(RELEASE.filters, states)
    block = states.gather(states.rows(["v1", "v2"]))
    for i in range(50):
        assert filters.mask(block, {"region": f"nowhere {i}"}, {}).tolist() == [True, False]
    assert max(len(words._masks) for words in filters._by_word) <= 4
