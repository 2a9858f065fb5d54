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
from serving.page.offers import CandidateRequest

LISTED = "release_list"  # the name of the source of items from a release's lists, in the decision log


@dataclass(frozen=True, slots=True)
class Listed:
    """Items from the top, the source that gave each, and the probability with which each came to its place."""

    items: list[str]
    sources: list[str | None]
    propensities: Float32s

    def first(self, count: int) -> "Listed":
        """The first of them."""
        return Listed(self.items[:count], self.sources[:count], self.propensities[:count])


def feed(ask: CandidateRequest, lists: Popular | None, limit: int, fresh_every: int) -> Listed:
    """A page of what is watched now and what is new; what was shown already comes only when nothing else is left.

    Of a release's lists, every `fresh_every`-th place is for a fresh item.
    """
    for may in (ask.may, ask.may.again()):
        candidates = retrieve.candidates_without_user(replace(ask, may=may))
        if len(candidates.rows):
            falling = -np.arange(len(candidates.rows), dtype=np.float32)
            block, policy = candidates.block, ask.policy
            page = slate.arranged(policy, block, falling, None, limit=limit, now=ask.now, seed=ask.seed)
            items = may.filters.states.names(candidates.rows[page.places])
            return Listed(items, [*candidates.names(ask.policy, page.places)], page.propensities)
    listed = _listed(ask, lists, fresh_every)
    pages = (list(islice(_allowed(may, lists, listed), limit)) for may in (ask.may, ask.may.again()))
    return _certain(next((items for items in pages if items), []), LISTED)


def rank(may: Eligibility, policy: ReleasePolicy, items: Sequence[str], lists: Popular | None, now: float) -> Listed:
    """Those of a caller's items that may be shown, most watched first."""
    states = may.filters.states
    block = states.gather(states.rows(items))
    block = block.take(np.flatnonzero(may.mask(block)))
    if len(block.rows):
        order = np.argsort(-watched(states, block, policy.trending, now), kind="stable")
        return _certain(states.names(block.rows[order]))
    place = {item: i for i, item in enumerate(lists.all if lists else ())}
    return _certain(sorted(_allowed(may, lists, items), key=lambda item: place.get(item, len(place))))


def _certain(items: list[str], source: str | None = None) -> Listed:
    return Listed(items, [source] * len(items), np.ones(len(items), dtype=np.float32))


def _listed(ask: CandidateRequest, lists: Popular | None, fresh_every: int) -> list[str]:
    """The items of a release's lists: those of the asker's group, then all others, and fresh ones between them."""
    if lists is None:
        return []
    group = ask.who.here.get(ask.policy.shelf) if ask.policy.shelf else None
    of_group = [] if group is None else lists.by_group.get(str(group), [])
    most_watched = list(dict.fromkeys([*of_group, *lists.all]))
    between = fresh_every - 1
    chunks = [most_watched[i : i + between] for i in range(0, len(most_watched), between)]
    mixed: Iterator[tuple[list[str], list[str]]] = zip_longest(chunks, ([item] for item in lists.fresh), fillvalue=[])
    return list(dict.fromkeys(chain.from_iterable(chain.from_iterable(mixed))))


def _allowed(may: Eligibility, lists: Popular | None, items: Sequence[str]) -> Iterator[str]:
    """The items that may be shown by the attributes in memory, or by the release's where memory has none."""
    if lists is None:
        return
    states = may.filters.states
    block = states.gather(states.rows(items))
    newer = zip(items, block.known.tolist(), may.mask(block).tolist(), marks(items).tolist(), strict=True)
    for item, known, allowed, mark in newer:  # one by one: each costs some 20 µs, and often few are taken
        if allowed if known else may.allow(mark, lists.items.get(item, {})):
            yield item
