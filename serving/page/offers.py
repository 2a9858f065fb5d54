"""What each source offers: the pools made in the background, and what one request takes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import numpy as np

from feature_repo.counters import decay
from infra.arrays import Float32s
from serving.asker import RequestAsker
from serving.definition import PoolValues, ReleasePolicy
from serving.items import EMPTY, NONE, Codes, GroupedRows, ItemStates, Newest, best_of_each_group, places_of_largest
from serving.page.eligibility import Eligibility, Filters
from serving.page.eligible_items import EligibleItems
from serving.sources import Fresh, Liked, Nearest, Rare, Source, Trending


@dataclass(frozen=True, slots=True)
class Pools:
    """Rows of items that may be shown to somebody, best first, as they were when the pools were made.

    trending  what is most watched now, by place; None for everywhere
    rare      items shown to few, in no order; a lot of `rare_in_all` such items, when the pool has no room for all
    grouped   the items of each value of a field: by the field, and whether the newest come first
    """

    trending: Mapping[str | None, Codes] = field(default_factory=dict)
    fresh: Codes = field(default_factory=lambda: NONE)
    rare: Codes = field(default_factory=lambda: NONE)
    rare_in_all: int = 0
    grouped: Mapping[tuple[str, bool], GroupedRows] = field(default_factory=dict)

    def of_field(self, field: str, newest: bool) -> GroupedRows:
        """The items of each value of a field; empty when there is no such pool."""
        return self.grouped.get((field, newest), EMPTY)

    def trending_at(self, place: str | None) -> Codes:
        """What is most watched at a place, everywhere when nothing is known of the place."""
        return self.trending.get(place, self.trending.get(None, NONE))

    def chance(self, count: int) -> float:
        """The chance of each item that is shown to few to be among `count` that are drawn of the pool."""
        return min(count, len(self.rare)) / max(self.rare_in_all, 1)


class Near(Protocol):
    """A release's embeddings, as far as retrieval is concerned."""

    def user_vector(self, who: RequestAsker) -> Float32s | None:
        """The asker's place among the items, None when nothing is known of it."""

    def near(self, vector: Float32s, count: int) -> Codes:
        """The rows nearest to a place, nearest first."""


class CandidateRequest(msgspec.Struct, frozen=True):
    """One request for candidates: a `share` of every quota is wanted, and `seed` decides what is drawn by lot.

    `remembered` is how many of the items shown to the asker count.
    """

    policy: ReleasePolicy
    pools: Pools
    who: RequestAsker
    may: Eligibility
    near: Near | None
    now: float
    seed: int | None
    remembered: int
    share: float = 1.0


def offered(ask: CandidateRequest, source: Source, count: int) -> Codes:
    """The rows that a source has, best first. Some sources make only as many as are asked for, others give them all."""
    match source:
        case Nearest():
            vector = ask.near.user_vector(ask.who) if ask.near else None
            return NONE if ask.near is None or vector is None else ask.near.near(vector, count)
        case Liked():
            liked = _liked(ask, source)
            return ask.pools.of_field(source.field, source.newest).first(liked, -(-count // max(len(liked), 1)))
        case Trending():
            return ask.pools.trending_at(ask.may.asker.get(source.attribute))
        case Fresh():
            return ask.pools.fresh
        case Rare():
            pool = ask.pools.rare  # shuffled every time it is made: wherever one begins is a draw by lot
            begin = (ask.seed or 0) % max(len(pool), 1)
            return np.concatenate([pool[begin : begin + count], pool[: min(begin, count)]])


class PoolBuilder:
    """Makes pools; between two of them it keeps the grouped rows that change little."""

    def __init__(self, states: ItemStates, values: PoolValues) -> None:
        self._states, self._values = states, values
        self._newest: dict[str, Newest] = {}

    def pools(self, policy: ReleasePolicy, filters: Filters, now: float) -> Pools:
        """The pools as of now; it takes a while, and other threads go on meanwhile."""
        sources, items = policy.sources, EligibleItems(self._states, policy, filters, now)
        if not len(items.rows):
            return Pools()
        young = [source.within_s for source in sources if isinstance(source, Fresh)]
        rare = [items.rows[items.of(s.exposure) < s.below] for s in sources if isinstance(s, Rare)] or [NONE]
        return Pools(
            trending=next((self._trending(s, items, now) for s in sources if isinstance(s, Trending)), {}),
            fresh=_born_last(items, max(young, default=0.0), now, self._values.fresh),
            rare=_lot(rare[0], now, self._values.rare),
            rare_in_all=len(rare[0]),
            grouped={(s.field, s.newest): self._grouped(s, items) for s in sources if isinstance(s, Liked)},
        )

    def _grouped(self, source: Liked, items: EligibleItems) -> GroupedRows:
        groups = items.of(source.field)
        if not source.newest:
            return best_of_each_group(items.rows, groups, items.watched, self._values.of_group)
        newest = self._newest.setdefault(source.field, Newest())
        return newest.updated(items.rows, groups, items.born, items.size)

    def _trending(self, source: Trending, items: EligibleItems, now: float) -> Mapping[str | None, Codes]:
        """The most watched everywhere, in an order for every place that anything is watched at."""
        top, count = places_of_largest(items.watched, self._values.watched), self._values.trending
        rows, watched = items.rows[top], items.watched[top]
        view, _, counter = source.locally.partition(".")
        _, group = self._states.counters[view].view.keys
        groups = self._states.keys_of(group, rows)
        lifts = _lifts(self._states, view, counter, now, self._values.few_views)
        everywhere: dict[str | None, Codes] = {None: rows[:count]}
        return everywhere | {
            place: rows[places_of_largest(watched * lift[groups], count)] for place, lift in lifts.items()
        }


def _liked(ask: CandidateRequest, source: Liked) -> Codes:
    """Codes of what the asker likes, most liked first."""
    view, _, counter = source.counter.partition(".")
    tastes = ask.who.user.mixed.get(view)
    if tastes is None or not len(tastes.at):
        return NONE
    return tastes.most(counter, ask.now, source.above, source.groups)


def _born_last(items: EligibleItems, within_s: float, now: float, count: int) -> Codes:
    """The rows of the youngest, the youngest first; those born later than now are left out."""
    age = now - items.born
    young = np.flatnonzero((age >= 0) & (age <= within_s))
    return items.rows[young[places_of_largest(-age[young], count)]]


def _lot(rows: Codes, now: float, count: int) -> Codes:
    """At most so many of the rows, drawn by lot and in an order that is another each second."""
    return np.random.default_rng(int(now)).choice(rows, min(count, len(rows)), replace=False)


def _lifts(states: ItemStates, view: str, counter: str, now: float, few_views: float) -> Mapping[str, Float32s]:
    """By place, (groups,) how much more each group is watched there than everywhere."""
    table = states.counters[view]
    place, group = (states.words[key] for key in table.view.keys)
    column = slice(at := table.view.counters.index(counter), at + 1)
    pairs = np.argwhere(np.ones((len(place) - 1, len(group) - 1))) + 1
    values, published = table.gather(table.index.find_all([(p, g) for p, g in pairs.tolist()]))
    local = decay(values[:, column], published, np.array([now]), table.half_lives[column])
    watched = np.zeros((len(place), len(group)))
    watched[1:, 1:] = local.reshape(len(place) - 1, len(group) - 1)
    total = watched.sum()
    usual = watched.sum(axis=0) / total if total else np.zeros(len(group))
    here = (watched + few_views * usual) / (watched.sum(axis=1, keepdims=True) + few_views)
    lifts = np.divide(here, usual, out=np.ones_like(here), where=usual > 0)
    words = place.words
    return {words[code]: lifts[code].astype(np.float32) for code in range(1, len(place)) if watched[code].any()}
