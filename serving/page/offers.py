"""Pools of items that may be shown to somebody, made in the background; every worker makes its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from feature_repo.counters import decay
from infra.arrays import Float32s
from serving.definition import ReleasePolicy
from serving.items import EMPTY, NONE, Codes, GroupedRows, ItemStates, Newest, best_of_each_group, places_of_largest
from serving.page.eligibility import Filters
from serving.page.eligible_items import EligibleItems
from serving.sources import Fresh, Liked, Rare, Trending

TRENDING, FRESH, RARE, OF_GROUP = 1000, 1000, 20_000, 200
WATCHED = 20_000  # the most watched everywhere, among which those most watched in one place are found
FEW_VIEWS = 100.0  # what a place has watched counts beside so many views that are watched as everywhere


@dataclass(frozen=True, slots=True)
class Pools:
    """Rows of items that may be shown to somebody, best first, as things stood when they were made.

    trending  what is most watched now, by place; None for everywhere
    rare      items shown to few, in no order
    shelves   the items of each value of a field: by the field, and whether the newest come first
    """

    trending: Mapping[str | None, Codes] = field(default_factory=dict)
    fresh: Codes = field(default_factory=lambda: NONE)
    rare: Codes = field(default_factory=lambda: NONE)
    shelves: Mapping[tuple[str, bool], GroupedRows] = field(default_factory=dict)

    def shelf(self, field: str, newest: bool) -> GroupedRows:
        """The shelf of a field, empty when there is none."""
        return self.shelves.get((field, newest), EMPTY)

    def trending_at(self, place: str | None) -> Codes:
        """What is most watched at a place, everywhere when nothing is known of the place."""
        return self.trending.get(place, self.trending.get(None, NONE))


class PoolBuilder:
    """Makes pools, and keeps between two of them what changes little."""

    def __init__(self, states: ItemStates) -> None:
        self._states = states
        self._newest: dict[str, Newest] = {}

    def pools(self, policy: ReleasePolicy, filters: Filters, now: float) -> Pools:
        """The pools as things stand now; takes a while, and other threads go on meanwhile."""
        sources, found = policy.sources, EligibleItems(self._states, policy, filters, now)
        if not len(found.rows):
            return Pools()
        young = [source.within_s for source in sources if isinstance(source, Fresh)]
        rare = [found.of(source.exposure) < source.below for source in sources if isinstance(source, Rare)]
        return Pools(
            trending=next((self._trending(s, found, now) for s in sources if isinstance(s, Trending)), {}),
            fresh=_born_last(found, max(young, default=0.0), now),
            rare=_lot(found.rows[np.logical_or.reduce(rare)], now) if rare else NONE,
            shelves={(s.field, s.newest): self._shelf(s, found) for s in sources if isinstance(s, Liked)},
        )

    def _shelf(self, source: Liked, found: EligibleItems) -> GroupedRows:
        groups = found.of(source.field)
        if not source.newest:
            return best_of_each_group(found.rows, groups, found.watched, OF_GROUP)
        kept = self._newest.setdefault(source.field, Newest())
        return kept.updated(found.rows, groups, found.born, found.size)

    def _trending(self, source: Trending, found: EligibleItems, now: float) -> Mapping[str | None, Codes]:
        """The most watched everywhere, in an order for every place that anything is watched at."""
        top = places_of_largest(found.watched, WATCHED)
        rows, watched = found.rows[top], found.watched[top]
        view, _, counter = source.locally.partition(".")
        _, group = self._states.counters[view].view.keys
        groups = self._states.keys_of(group, rows)
        lifts = _lifts(self._states, view, counter, now)
        everywhere: dict[str | None, Codes] = {None: rows[:TRENDING]}
        return everywhere | {
            place: rows[places_of_largest(watched * lift[groups], TRENDING)] for place, lift in lifts.items()
        }


def _born_last(found: EligibleItems, within_s: float, now: float) -> Codes:
    """The rows of the youngest, the youngest first; those born later than now are left out."""
    age = now - found.born
    young = np.flatnonzero((age >= 0) & (age <= within_s))
    return found.rows[young[places_of_largest(-age[young], FRESH)]]


def _lot(rows: Codes, now: float) -> Codes:
    """So many of the rows, in an order that is another each second."""
    return np.random.default_rng(int(now)).choice(rows, min(RARE, len(rows)), replace=False)


def _lifts(states: ItemStates, view: str, counter: str, now: float) -> Mapping[str, Float32s]:
    """By place, (groups,) how much more each group is watched there than everywhere."""
    table = states.counters[view]
    place, group = (states.words[key] for key in table.view.keys)
    one = slice(at := table.view.counters.index(counter), at + 1)
    pairs = np.argwhere(np.ones((len(place) - 1, len(group) - 1))) + 1
    values, published = table.gather(table.index.find_all([(p, g) for p, g in pairs.tolist()]))
    local = decay(values[:, one], published, np.array([now]), table.half_lives[one])
    watched = np.zeros((len(place), len(group)))
    watched[1:, 1:] = local.reshape(len(place) - 1, len(group) - 1)
    total = watched.sum()
    usual = watched.sum(axis=0) / total if total else np.zeros(len(group))
    here = (watched + FEW_VIEWS * usual) / (watched.sum(axis=1, keepdims=True) + FEW_VIEWS)
    lifts = np.divide(here, usual, out=np.ones_like(here), where=usual > 0)
    words = place.words
    return {words[code]: lifts[code].astype(np.float32) for code in range(1, len(place)) if watched[code].any()}
