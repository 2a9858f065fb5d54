"""Candidates: every source under the same filter, each within its quota, and none of them can fail the request."""

import time
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from infra.marks import marks
from serving import metrics
from serving.asker import blocked
from serving.asker.asker import RequestAsker
from serving.asker.user_state import UserState
from serving.items.item_states import Codes, ItemStates
from serving.page import retrieve
from serving.page.eligibility import Eligibility, Filters
from serving.page.offers import CandidateRequest
from serving.page.retrieve import Candidates
from serving.sources import Fresh, Liked, Nearest, Rare, Source, Trending
from serving.systems.home_feed import CREATOR, RELEASE
from tests.serving.memory import NOW, PLAIN, ask, asker, choices, described, pool_builder, pools_of, take, tastes

HOUR = 3600


def only(*sources: Source, deadline_ms: float = 60_000, **changed: Any) -> Any:
    """The feed's policy with other sources, which are given time."""
    unhurried = tuple(replace(source, deadline_ms=deadline_ms) for source in sources)
    return replace(RELEASE, sources=unhurried, **changed)


PATIENT = only(*RELEASE.sources)
SOURCES = {source.name: source for source in PATIENT.sources}
FORBIDDEN: dict[str, dict[str, Any]] = {
    "removed": {"status": "removed"},
    "elsewhere": {"regions": ["DE"]},
    "unplaced": {"regions": None},
    "adult": {"age_rating": "18"},
    "unrated": {"age_rating": None},
    "blocked": {"creator_id": "bad"},
    "anonymous": {"creator_id": None},
    "seen": {},
}


NEVER_FOUND = {("followed", "anonymous"), ("creator_affinity", "anonymous")}  # nobody follows or likes nobody


class Nearby:
    """An index in which everything is near."""

    def __init__(self, rows: Codes, slow_s: float = 0.0) -> None:
        self.rows, self.slow_s = rows, slow_s

    def user_vector(self, who: RequestAsker) -> Any:
        return np.ones(2, dtype=np.float32)

    def near(self, vector: Any, count: int) -> Codes:
        time.sleep(self.slow_s)
        return self.rows[:count]


def catalogue(count: int = 40, forbidden: dict[str, dict[str, Any]] = FORBIDDEN) -> ItemStates:
    """Videos of four creators and two topics, `v0` the newest and most watched, and some that may not be shown."""
    topics, born = ("music", "news"), int(NOW) - 100
    plain = {
        f"v{i}": {"creator_id": f"c{i % 4}", "category": topics[i % 2], "uploaded_at": born - i * HOUR}
        for i in range(count)
    }
    states = described(**plain, **forbidden)
    counts = {(f"v{i}",): {"long_view_1d": float(count - i), "shown_30d": float(i)} for i in range(count)}
    take(states, "video", {**counts, **{(name,): {"long_view_1d": 99.0} for name in forbidden}})
    return states


def teenager(states: ItemStates, **mixed: Any) -> RequestAsker:
    """Thirteen years old, from France; follows c1, likes c2 and music, has blocked a creator."""
    shared = {
        "user_choice": choices(states, follow=("c1",), block=("bad",)),
        "user_creator": tastes(states, "user_creator", c2=5.0, c1=4.0, bad=9.0),
        "user_category": tastes(states, "user_category", music=3.0),
        **mixed,
    }
    return asker(UserState("u1", mixed=shared), region="FR", age_group="13")


def request(states: ItemStates, who: RequestAsker, policy: Any = PATIENT, **more: Any) -> CandidateRequest:
    may = Eligibility(
        Filters(policy.filters, states), who.here, blocked.read_blocked(policy, who.user, NOW), np.sort(marks(["seen"]))
    )
    return ask(states, who, policy, may=may, **more)


def names(states: ItemStates, candidates: Candidates) -> list[str]:
    return states.names(candidates.rows)


def numbers(states: ItemStates, candidates: Candidates) -> list[int]:
    return [int(name[1:]) for name in names(states, candidates)]


@pytest.fixture(scope="module")
def unfiltered() -> tuple[ItemStates, Any]:
    """A catalogue, and pools that hold all of it: as if what is forbidden had been allowed a moment ago."""
    states = catalogue()
    return states, pools_of(states, replace(RELEASE, filters=()))


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("why", FORBIDDEN)
def test_no_source_offers_what_may_not_be_shown(name: str, why: str, unfiltered: tuple[ItemStates, Any]) -> None:
    states, pools = unfiltered
    near, lax = Nearby(np.arange(1, len(states) + 1, dtype=np.int32)), only(SOURCES[name], filters=())
    who = teenager(states, user_choice=choices(states, follow=("c1", "bad")))
    offered = retrieve.candidates(ask(states, who, lax, pools=pools, near=near, share=10))
    assert why in names(states, offered) or (name, why) in NEVER_FOUND, "the source would find it"
    allowed = retrieve.candidates(
        request(states, teenager(states), only(SOURCES[name]), pools=pools, near=near, share=10)
    )
    assert len(allowed.rows) >= 5
    assert why not in names(states, allowed)


def test_followed_creators_come_newest_first() -> None:
    states = catalogue()
    followed = retrieve.candidates(request(states, teenager(states), only(SOURCES["followed"])))
    assert numbers(states, followed) == list(range(1, 40, 4))


def test_liked_creators_and_topics_take_turns() -> None:
    states = catalogue(forbidden={})
    who = teenager(
        states,
        user_creator=tastes(states, "user_creator", c0=1.0, c2=5.0),
        user_category=tastes(states, "user_category", news=1.0, music=3.0),
    )
    by_creator = retrieve.candidates(request(states, who, only(SOURCES["creator_affinity"])))
    assert numbers(states, by_creator)[:6] == [2, 0, 6, 4, 10, 8]
    by_topic = retrieve.candidates(request(states, who, only(SOURCES["category_affinity"])))
    assert numbers(states, by_topic)[:6] == [0, 1, 2, 3, 4, 5]


def test_what_is_watched_more_in_a_region_trends_there() -> None:
    states = catalogue(forbidden={})
    for region, topic in (("FR", "news"), ("DE", "music")):
        take(states, "region_category", {(region, topic): {"long_view_7d": 5000.0}})
    pools = pools_of(states)
    first = {
        region: numbers(states, retrieve.candidates(
            request(states, asker(region=region), only(SOURCES["trending"]), pools=pools)
        ))[:10]
        for region in ("FR", "DE", "Atlantis")
    }  # fmt: skip
    assert all(number % 2 == 1 for number in first["FR"])
    assert all(number % 2 == 0 for number in first["DE"])
    assert first["Atlantis"] == list(range(10)), "where nothing is known of the place, what is watched everywhere"


def test_fresh_is_what_was_born_last_and_not_tomorrow() -> None:
    states = catalogue()
    take(states, "video_profile", {("tomorrow",): plain(uploaded_at=int(NOW) + 24 * HOUR)})
    fresh = retrieve.candidates(request(states, teenager(states), only(SOURCES["fresh"])))
    assert numbers(states, fresh)[:3] == [0, 1, 2]
    within = only(Fresh(name="fresh", quota=40, within_s=5.5 * HOUR))
    assert numbers(states, retrieve.candidates(request(states, teenager(states), within))) == list(range(6))


def plain(**changed: Any) -> dict[str, Any]:
    return {**PLAIN, **changed}


def test_exploration_draws_what_few_have_seen_and_the_same_for_the_same_request() -> None:
    states = catalogue(400)
    policy = only(Rare(name="exploration", quota=8, exposure="video.shown_30d", below=100))
    pools = pools_of(states, policy)

    def drawn(seed: int) -> list[int]:
        return numbers(states, retrieve.candidates(request(states, teenager(states), policy, pools=pools, seed=seed)))

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    often = np.bincount([number for seed in range(400) for number in drawn(seed)], minlength=100)
    assert max(np.flatnonzero(often)) < 100, "what was shown a hundred times a piece is no secret"
    assert often.min() > 10, "everything has its chance"
    assert often.max() < 80


def test_a_quota_that_is_left_goes_to_the_sources_that_have_more() -> None:
    states = catalogue(400, forbidden={})
    take(states, "video", {(f"v{i}",): {"long_view_1d": float(i + 1)} for i in range(400)})
    policy = only(
        Liked(name="followed", quota=50, field=CREATOR, counter="user_choice.follow_3650d", groups=5, newest=True),
        Nearest(name="personal", quota=60),
        Trending(name="trending", quota=30, attribute="region", locally="region_category.long_view_7d"),
        Fresh(name="fresh", quota=40, within_s=HOUR * 1000),
    )
    candidates = retrieve.candidates(request(states, asker(), policy))
    taken = dict(zip(*np.unique(candidates.names(policy), return_counts=True), strict=True))
    assert len(candidates.rows) == 180
    assert taken == {"trending": 140, "fresh": 40}, "who follows nobody and is near to nothing gets more of the rest"
    half = retrieve.candidates(request(states, asker(), policy, share=0.5))
    assert len(half.rows) == 90


def test_who_has_seen_what_comes_first_is_offered_more() -> None:
    states = catalogue(400, forbidden={})
    policy = only(Nearest(name="personal", quota=40), Fresh(name="fresh", quota=60, within_s=HOUR * 1000))
    first = request(states, asker(), policy)
    seen = np.sort(marks([f"v{i}" for i in range(200)]))
    candidates = retrieve.candidates(replace(first, may=replace(first.may, seen=seen)))
    assert sorted(numbers(states, candidates)) == list(range(200, 300))


def test_who_has_seen_much_does_not_make_sources_look_twice() -> None:
    states, looks = catalogue(400, forbidden={}), []

    class Counting(Nearby):
        def near(self, vector: Any, count: int) -> Codes:
            looks.append(count)
            return super().near(vector, count)

    policy, near = only(Nearest(name="personal", quota=100)), Counting(np.arange(1, 401, dtype=np.int32))
    first = request(states, asker(), policy, near=near)
    seen = np.sort(marks([f"v{i}" for i in range(150)]))
    candidates = retrieve.candidates(replace(first, may=replace(first.may, seen=seen)))
    assert (len(candidates.rows), len(looks)) == (100, 1)


def test_the_catalogue_is_the_limit() -> None:
    states = catalogue(40)
    candidates = retrieve.candidates(request(states, teenager(states)))
    assert sorted(numbers(states, candidates)) == list(range(40))


def test_an_item_that_two_sources_find_counts_for_the_first() -> None:
    states = catalogue()
    policy = only(SOURCES["followed"], SOURCES["category_affinity"], SOURCES["trending"], SOURCES["fresh"])
    candidates = retrieve.candidates(request(states, teenager(states), policy))
    by = dict(zip(numbers(states, candidates), candidates.names(policy), strict=True))
    assert len(by) == len(candidates.rows)
    assert {by[i] for i in range(1, 40, 4)} == {"followed"}
    assert {by[i] for i in range(0, 40, 2)} == {"category_affinity"}
    assert {by[i] for i in range(3, 40, 4)} == {"trending"}


def failures(source: str, why: str) -> float:
    return metrics.REGISTRY.get_sample_value("flywheel_source_failures_total", {"source": source, "why": why}) or 0.0


def test_a_source_that_fails_costs_its_own_candidates_only() -> None:
    states = catalogue()

    class Broken(Nearby):
        def near(self, vector: Any, count: int) -> Codes:
            raise IndexError("the index is torn")

    before = failures("personal", "IndexError")
    candidates = retrieve.candidates(request(states, teenager(states), near=Broken(np.zeros(0, dtype=np.int32))))
    assert sorted(numbers(states, candidates)) == list(range(40))
    assert "personal" not in candidates.names(PATIENT)
    assert failures("personal", "IndexError") == before + 1


def test_a_source_that_is_late_gives_nothing() -> None:
    states = catalogue()
    everything = np.arange(1, len(states) + 1, dtype=np.int32)
    hasty = only(SOURCES["personal"], SOURCES["fresh"], deadline_ms=10)
    before = failures("personal", "late")
    slow = retrieve.candidates(request(states, teenager(states), hasty, near=Nearby(everything, slow_s=0.05)))
    assert set(slow.names(hasty)) == {"fresh"}
    assert failures("personal", "late") == before + 1
    patient = retrieve.candidates(request(states, teenager(states), near=Nearby(everything, slow_s=0.05)))
    assert "personal" in patient.names(PATIENT)


def test_without_anything_in_memory_there_are_no_candidates() -> None:
    states = described()
    assert not len(retrieve.candidates(request(states, asker())).rows)


def test_pools_follow_what_becomes_known() -> None:
    """A video that is rated an hour after its upload is found from then on, by everything that could find it."""
    states, policy = catalogue(), only(SOURCES["followed"])
    take(states, "video_profile", {("late",): plain(creator_id="c1", age_rating=None, uploaded_at=int(NOW) - 60)})
    filters, pooler = Filters(policy.filters, states), pool_builder(states)

    def followed() -> list[str]:
        pools = pooler.pools(policy, filters, NOW)
        return names(states, retrieve.candidates(request(states, teenager(states), policy, pools=pools)))

    assert "late" not in followed()
    take(states, "video_profile", {("late",): plain(creator_id="c1", age_rating="0", uploaded_at=int(NOW) - 60)})
    assert followed()[:2] == ["late", "v1"]
    take(states, "video_profile", {("late",): plain(creator_id="c1", status="removed", uploaded_at=int(NOW) - 60)})
    assert "late" not in followed()


def test_a_policy_sums_to_five_hundred_candidates() -> None:
    assert sum(source.quota for source in RELEASE.sources) == 500
