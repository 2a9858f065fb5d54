"""Answers without a score: from pools and lists in memory, without any I/O, under the same filters."""

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

import numpy as np

from feature_repo.counters import Floats
from serving import eligible, retrieve, slate
from serving.release import Popular
from serving.retrieve import May, Pools

EVERY = 3  # on the shelves of a release, every third place is for a fresh item


def feed(
    may: May, pools: Pools, shelves: Popular | None, *, limit: int, now: float, seed: int | None
) -> tuple[list[str], Floats]:  # fmt: skip
    """A page of what is watched now and what is new, and the propensity of each item.

    What was shown already comes again only when nothing else is left.
    """
    everything = pools.ordered()
    unseen = may.show(everything)
    rows = unseen if len(unseen) else May(may.states, may.policy, may.asker).show(everything)
    if len(rows):
        falling = -np.arange(len(rows), dtype=np.float32)
        page = slate.arranged(may.policy, may.states.gather(rows), falling, None, limit=limit, now=now, seed=seed)
        return may.states.names(rows[page.places]), page.propensities
    items = _allowed(may, shelves, _shelf(may, shelves))[:limit]
    return items, np.ones(len(items), dtype=np.float32)


def rank(may: May, items: Sequence[str], shelves: Popular | None, now: float) -> list[str]:
    """Those of the items that may be shown, most watched first."""
    rows = may.show(may.states.rows(items))
    if len(rows):
        watched = retrieve.popularity(may.states, may.policy, rows, now)
        return may.states.names(rows[np.argsort(-watched, kind="stable")])
    place = {item: i for i, item in enumerate(shelves.all if shelves else ())}
    return sorted(_allowed(may, shelves, items), key=lambda item: place.get(item, len(place)))


def _shelf(may: May, shelves: Popular | None) -> list[str]:
    if shelves is None:
        return []
    near = shelves.by_group.get(str(may.asker.get(may.policy.shelf)), []) if may.policy.shelf else []
    watched = dict.fromkeys([*near, *shelves.all])
    chunks = [list(watched)[i : i + EVERY - 1] for i in range(0, len(watched), EVERY - 1)]
    mixed: Iterator[tuple[list[str], list[str]]] = zip_longest(chunks, ([item] for item in shelves.fresh), fillvalue=[])
    return list(dict.fromkeys(chain.from_iterable(chain.from_iterable(mixed))))


def _allowed(may: May, shelves: Popular | None, items: Sequence[str]) -> list[str]:
    """Those that the attributes a release carries allow, unless newer ones in memory say otherwise."""
    if shelves is None:
        return []
    rows = may.states.rows(items)
    known = may.states.items.known
    newer = {item for item, row in zip(items, rows, strict=True) if row < len(known) and known[row]}
    shown = set(may.states.names(may.show(rows)))
    listed = shelves.items
    return [
        item for item in items
        if (item in shown if item in newer else eligible.passes(may.policy.filters, listed.get(item, {}), may.asker))
    ]  # fmt: skip
