"""Items in memory without a Redis: described as the catalogue would, counted as the states would."""

from typing import Any

import numpy as np

from feature_repo.records.layout import decode, encode, layouts
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from serving.asker.asker import RequestAsker
from serving.asker.user_state import Tastes, UserState
from serving.definition import PoolValues
from serving.items.item_states import ItemStates
from serving.page.eligibility import Eligibility, Filters
from serving.page.offers import CandidateRequest, PoolBuilder, Pools
from serving.systems.home_feed import RELEASE, SERVICE

NOW = 1_800_000_000.0
LAYOUTS = layouts(FEATURES)
PLAIN = {
    "creator_id": "c1", "category": "music", "length_class": "to_30s", "language": "fr", "regions": [],
    "status": "live", "age_rating": "0", "uploaded_at": int(NOW) - 3600, "duration_s": 20.0,
}  # fmt: skip
ADULT = {"region": "FR", "age_group": "18"}


def described(**videos: dict[str, Any]) -> ItemStates:
    """Videos in memory, each with its own facts; all others are plain."""
    states = ItemStates(FEATURES, SERVICE, capacity=4096)
    if videos:
        take(states, "video_profile", {(name,): {**PLAIN, **facts} for name, facts in videos.items()})
    return states


def take(states: ItemStates, view: str, rows: dict[tuple[str, ...], dict[str, Any]]) -> None:
    """Records of a view; counters left out are zero."""
    layout, keys = LAYOUTS[view], list(rows)
    at = np.full(len(keys), int(NOW - 60) * 1_000_000, dtype=np.int64)
    floats = [[rows[key].get(name, 0.0) for name in layout.floats] for key in keys]
    others = [[rows[key].get(name, int(at[0])) for key in keys] for name in layout.others]
    records = encode(layout, np.array(floats, dtype=np.float32).reshape(len(keys), len(layout.floats)), others, at, at)
    states.take(view, decode(layout, keys, records))


def tastes(states: ItemStates, view: str, **counts: float) -> Tastes:
    """What a user has of a view: for each word the same value in all counters."""
    (_, key), counters = FEATURES.counter_view(view).keys, FEATURES.counter_view(view)
    values = np.array([[count] * len(counters.counters) for count in counts.values()], dtype=np.float32)
    codes = [states.words[key].find_all(list(counts))]
    half_lives = dict(zip(counters.counters, counters.half_lives, strict=True))
    return Tastes(codes, values, np.full(len(counts), NOW - 60), half_lives)


def choices(states: ItemStates, *, follow: tuple[str, ...] = (), block: tuple[str, ...] = ()) -> Tastes:
    """Whom a user follows and blocks."""
    chosen = tastes(states, "user_choice", **dict.fromkeys([*follow, *block], 1.0))
    chosen.values[: len(follow), 1] = 0.0
    chosen.values[len(follow) :, 0] = 0.0
    return chosen


def asker(user: UserState | None = None, **here: Any) -> RequestAsker:
    """Who asks, from where."""
    return RequestAsker(user or UserState("u1"), {}, here or ADULT, here or ADULT)


def pool_builder(states: ItemStates) -> PoolBuilder:
    """What makes pools, of the usual sizes."""
    return PoolBuilder(states, PoolValues())


def pools_of(states: ItemStates, policy: Any = RELEASE) -> Pools:
    """The pools as they stand."""
    return pool_builder(states).pools(policy, Filters(policy.filters, states), NOW)


def ask(states: ItemStates, who: RequestAsker | None = None, policy: Any = RELEASE, **more: Any) -> CandidateRequest:
    """A request for candidates."""
    who = who or asker()
    may = more.pop("may", None) or Eligibility(Filters(policy.filters, states), who.here)
    pools = more.pop("pools", None) or pools_of(states, policy)
    return CandidateRequest(
        policy, pools, who, may, **{"near": None, "now": NOW, "seed": 7, "remembered": SERVICE.remembered, **more}
    )
