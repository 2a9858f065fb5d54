"""Retrieval: pools of items prepared in the background, and the candidates of one asker drawn from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import decay
from feature_repo.marks import Marks
from serving import eligible, metrics
from serving.definition import Policy
from serving.item_states import Codes, ItemStates
from serving.seen import NOTHING

NONE: Codes = np.zeros(0, dtype=np.int32)
POOL = 1000
GROUP_POOL = 200


@dataclass(frozen=True, slots=True)
class Pools:
    """Rows of items that may be shown to somebody, best first, as things stood when they were made."""

    trending: Codes = field(default_factory=lambda: NONE)
    fresh: Codes = field(default_factory=lambda: NONE)
    by_group: Mapping[int, Codes] = field(default_factory=dict)

    def ordered(self) -> Codes:
        """Everything in the pools that needs no asker: what is watched now, then what is new."""
        return _distinct(np.concatenate([self.trending, self.fresh]))


def pools(states: ItemStates, policy: Policy, now: float) -> Pools:
    """The pools as things stand now."""
    rows = np.flatnonzero(states.items.known).astype(np.int32)
    rows = rows[eligible.mask(policy.filters, states, rows, None)]
    if not len(rows):
        return Pools()
    watched = popularity(states, policy, rows, now)
    by_popularity = np.argsort(-watched, kind="stable")
    age = now - _column(states, policy.born, rows)
    young = np.flatnonzero((age >= 0) & (age <= policy.fresh_for_s))
    fresh = rows[young[np.argsort(age[young], kind="stable")]]
    groups = _column(states, policy.group, rows)[by_popularity]
    ranked = rows[by_popularity]
    return Pools(
        trending=ranked[:POOL],
        fresh=fresh[:POOL],
        by_group={int(group): ranked[groups == group][:GROUP_POOL] for group in np.unique(groups) if group},
    )


def popularity(states: ItemStates, policy: Policy, rows: Codes, now: float) -> NDArray[np.float32]:
    """The policy's trending counter of each item, decayed to now."""
    view, _, counter = policy.trending.partition(".")
    table = states.counters[view]
    codes = states.keys_of(table.view.keys[0], rows)
    assert codes is not None
    values, at = table.gather(codes)
    place = table.view.counters.index(counter)
    one = slice(place, place + 1)
    return decay(values[:, one], at, np.array([now]), table.half_lives[one])[:, 0]


def candidates(pools: Pools, policy: Policy, tastes: Sequence[int], may: "May", share: float = 1.0) -> Codes:
    """The rows to be scored for one asker: each source gives a `share` of its quota of those that may be shown.

    tastes  codes of the groups the asker likes, most liked first
    """
    offered = {
        "trending": pools.trending,
        "fresh": pools.fresh,
        "affinity": _interleaved([pools.by_group.get(group, NONE) for group in tastes]),
    }
    taken = []
    for source in policy.sources:
        found = may.show(offered[source.kind])[: round(share * source.quota)]
        metrics.CANDIDATES.labels(source.name).inc(len(found))
        taken.append(found)
    return _distinct(np.concatenate(taken)) if taken else NONE


@dataclass(frozen=True, slots=True)
class May:
    """What one asker may be shown: the filters, and not what was shown to them lately."""

    states: ItemStates
    policy: Policy
    asker: eligible.Asker
    seen: Marks = field(default_factory=lambda: NOTHING)

    def show(self, rows: Codes) -> Codes:
        """Those of the rows that may be shown, in their order."""
        allowed = eligible.mask(self.policy.filters, self.states, rows, self.asker)
        if len(self.seen):
            allowed &= ~np.isin(self.states.gather(rows).marks, self.seen)
        return rows[allowed]


def _column(states: ItemStates, name: str, rows: Codes) -> NDArray[np.float64]:
    column = states.field(name, rows)
    return column if column is not None else np.full(len(rows), np.nan)


def _distinct(rows: Codes) -> Codes:
    _, first = np.unique(rows, return_index=True)
    return rows[np.sort(first)]


def _interleaved(lists: Sequence[Codes]) -> Codes:
    """The first of each list, then the second of each…"""
    if not lists:
        return NONE
    place = np.concatenate([np.arange(len(rows)) for rows in lists])
    return np.concatenate(lists)[np.argsort(place, kind="stable")]
