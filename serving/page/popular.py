"""Answers without a score: from pools and lists in memory, without any I/O, under the same filters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest

import numpy as np
from msgspec.structs import replace

from infra.arrays import Float32s
from infra.marks import marks
from serving.definition import ReleasePolicy
from serving.model import Popular
from serving.page import retrieve, slate
from serving.page.eligibility import Eligibility
from serving.page.eligible_items import watched
from serving.page.retrieve import CandidateRequest

EVERY = 3  # on the shelves of a release, every third place is for a fresh item
LISTED = "release_list"  # what is named as the source of items from a release's lists


@dataclass(frozen=True, slots=True)
class Listed:
    """Items from the top, what found each, and with what chance each came to its place."""

    items: list[str]
    sources: list[str | None]
    propensities: Float32s

    def first(self, count: int) -> "Listed":
        """The first of them."""
        return Listed(self.items[:count], self.sources[:count], self.propensities[:count])


def feed(ask: CandidateRequest, shelves: Popular | None, limit: int) -> Listed:
    """A page of what is watched now and what is new; what was shown already comes only when nothing else is left."""
    for may in (ask.may, ask.may.again()):
        found = retrieve.candidates_without_user(replace(ask, may=may))
        if len(found.rows):
            falling = -np.arange(len(found.rows), dtype=np.float32)
            page = slate.arranged(ask.policy, found.block, falling, None, limit=limit, now=ask.now, seed=ask.seed)
            items = may.filters.states.names(found.rows[page.places])
            return Listed(items, [*found.names(ask.policy, page.places)], page.propensities)
    shelf = _shelf(ask, shelves)
    some = (list(islice(_allowed(may, shelves, shelf), limit)) for may in (ask.may, ask.may.again()))
    return _certain(next((items for items in some if items), []), LISTED)


def rank(may: Eligibility, policy: ReleasePolicy, items: Sequence[str], shelves: Popular | None, now: float) -> Listed:
    """Those of a caller's items that may be shown, most watched first."""
    states = may.filters.states
    block = states.gather(states.rows(items))
    block = block.take(np.flatnonzero(may.mask(block)))
    if len(block.rows):
        order = np.argsort(-watched(states, block, policy.trending, now), kind="stable")
        return _certain(states.names(block.rows[order]))
    place = {item: i for i, item in enumerate(shelves.all if shelves else ())}
    return _certain(sorted(_allowed(may, shelves, items), key=lambda item: place.get(item, len(place))))


def _certain(items: list[str], source: str | None = None) -> Listed:
    return Listed(items, [source] * len(items), np.ones(len(items), dtype=np.float32))


def _shelf(ask: CandidateRequest, shelves: Popular | None) -> list[str]:
    if shelves is None:
        return []
    group = ask.who.here.get(ask.policy.shelf) if ask.policy.shelf else None
    near = [] if group is None else shelves.by_group.get(str(group), [])
    watched = dict.fromkeys([*near, *shelves.all])
    chunks = [list(watched)[i : i + EVERY - 1] for i in range(0, len(watched), EVERY - 1)]
    mixed: Iterator[tuple[list[str], list[str]]] = zip_longest(chunks, ([item] for item in shelves.fresh), fillvalue=[])
    return list(dict.fromkeys(chain.from_iterable(chain.from_iterable(mixed))))


def _allowed(may: Eligibility, shelves: Popular | None, items: Sequence[str]) -> Iterator[str]:
    """Those that the attributes a release carries allow, unless newer ones in memory say otherwise."""
    if shelves is None:
        return
    states = may.filters.states
    block = states.gather(states.rows(items))
    newer = zip(items, block.known.tolist(), may.mask(block).tolist(), marks(items).tolist(), strict=True)
    for item, known, allowed, mark in newer:  # one after the other: it costs some 20 µs, and often few are wanted
        if allowed if known else may.allow(mark, shelves.items.get(item, {})):
            yield item
