"""Retrieval: the candidates of one asker, drawn from several sources under one filter."""

import logging
from collections.abc import Sequence
from itertools import accumulate
from time import perf_counter
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from infra.arrays import Float32s, Int64s
from infra.loops import loop
from serving import metrics
from serving.asker import RequestAsker
from serving.definition import ReleasePolicy
from serving.items import NONE, Codes, ItemBlock, distinct
from serving.page.eligibility import Eligibility
from serving.page.pools import Pools
from serving.sources import Fresh, Liked, Nearest, Rare, Source, Trending

ALL = slice(None)
log = logging.getLogger(__name__)


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


class Candidates(msgspec.Struct, frozen=True):
    """What may be shown to the asker, each item once, in the order of the policy's sources.

    block    (n) what is known of the items
    sources  (n,) uint8, the place in the policy of the source that found each first
    """

    block: ItemBlock
    sources: NDArray[np.uint8]

    @property
    def rows(self) -> Codes:
        """(n,) the rows of the items."""
        return self.block.rows

    def names(self, policy: ReleasePolicy, places: NDArray[np.intp] | slice = ALL) -> list[str]:
        """The name of the source that found each first, or each of those at some places."""
        return [policy.sources[source].name for source in self.sources[places].tolist()]


def candidates(ask: CandidateRequest) -> Candidates:
    """The candidates of an asker: of each source those that may be shown, as many as it may give.

    A source that fails or takes longer than its deadline gives nothing, and the others fill its places.
    """
    sources = ask.policy.sources
    quotas = [round(source.quota * ask.share) for source in sources]
    offered, more = [NONE for _ in sources], [True for _ in sources]
    for times in _offers(ask, sum(quotas)):
        _offer(ask, [round(times * quota) for quota in quotas], offered, more)
        taken = _taken(ask, offered, quotas)
        if len(taken.rows) == sum(quotas) or not any(more):
            break
    for source, count in zip(sources, np.bincount(taken.sources, minlength=len(sources)).tolist(), strict=True):
        metrics.source(source.name).gave(count)
    return taken


def candidates_without_user(ask: CandidateRequest) -> Candidates:
    """All that is found without knowing the asker: what is watched now where they are, and what is new."""
    plain = (Trending, Fresh)
    offered = [_offered(ask, s, 0) if isinstance(s, plain) else NONE for s in ask.policy.sources]
    return _taken(ask, offered, [len(part) for part in offered])


def _offers(ask: CandidateRequest, wanted: int) -> tuple[float, float]:
    """How many times its quota each source is asked for, and how many if that was too little.

    Some of it is not allowed, or was found by a source before; and what the asker has seen, the sources still like.
    """
    seen = min(len(ask.may.seen), ask.remembered)  # by us and in Redis: some of it stands there twice
    first = max(1.4, 1.2 + seen / max(wanted, 1))
    return first, 2 * first


def _offer(ask: CandidateRequest, wanted: Sequence[int], offered: list[Codes], more: list[bool]) -> None:
    """Fill in what sources offer, and which may have more; those that said they have none are not asked again."""
    missing = 0
    for place, source in enumerate(ask.policy.sources):
        count = wanted[place] + missing  # what those before do not have, those after may
        if more[place]:
            offered[place] = _timely(ask, source, count)
            more[place] = len(offered[place]) == count
        missing = count - len(offered[place])


def _timely(ask: CandidateRequest, source: Source, wanted: int) -> Codes:
    """What a source offers in time, at most so many as are wanted."""
    meter, began = metrics.source(source.name), perf_counter()
    try:
        offered = _offered(ask, source, wanted)[:wanted]
    except Exception as failed:  # what nobody foresaw in one source costs its candidates, not the answer
        log.exception("source %s gives nothing", source.name)
        meter.failed(type(failed).__name__)
        return NONE
    took = perf_counter() - began
    meter.took(took)
    if took * 1000 > source.deadline_ms:
        meter.failed("late")
        return NONE
    return offered


def _offered(ask: CandidateRequest, source: Source, wanted: int) -> Codes:
    """What a source has, best first; some of them have to be told how many are wanted."""
    match source:
        case Nearest():
            vector = ask.near.user_vector(ask.who) if ask.near else None
            return NONE if ask.near is None or vector is None else ask.near.near(vector, wanted)
        case Liked():
            liked = _liked(ask, source)
            return ask.pools.shelf(source.field, source.newest).first(liked, -(-wanted // max(len(liked), 1)))
        case Trending():
            return ask.pools.trending_at(ask.may.asker.get(source.attribute))
        case Fresh():
            return ask.pools.fresh
        case Rare():
            pool = ask.pools.rare  # shuffled every time it is made: wherever one begins is a draw by lot
            begin = (ask.seed or 0) % max(len(pool), 1)
            return np.concatenate([pool[begin : begin + wanted], pool[: min(begin, wanted)]])


def _liked(ask: CandidateRequest, source: Liked) -> Codes:
    """Codes of what the asker likes, most liked first."""
    view, _, counter = source.counter.partition(".")
    tastes = ask.who.user.mixed.get(view)
    if tastes is None or not len(tastes.at):
        return NONE
    return tastes.most(counter, ask.now, source.above, source.groups)


def _taken(ask: CandidateRequest, offered: Sequence[Codes], quotas: Sequence[int]) -> Candidates:
    """What may be shown of what is offered: each source takes its quota of what those before it left.

    What a source leaves of its quota goes to those after it, and what is left then to all that have more.
    """
    rows, places = distinct(np.concatenate([NONE, *offered]))
    block = ask.may.filters.states.gather(rows)
    ends, most = np.array([0, *accumulate(map(len, offered))]), np.array(quotas, dtype=np.int64)
    taken, sources = np.empty(len(rows), dtype=np.int32), np.empty(len(rows), dtype=np.uint8)
    count = _shared(places, ask.may.mask(block), ends, most, taken, sources)
    return Candidates(block.take(taken[:count]), sources[:count])


@loop("int64(read(int32[:]), boolean[:], read(int64[:]), read(int64[:]), int32[:], uint8[:])")
def _shared(
    places: Codes, free: NDArray[np.bool_], ends: Int64s, quotas: Int64s, taken: Codes, sources: NDArray[np.uint8]
) -> int:  # fmt: skip
    """Which places are taken, and for which source; those of source s stand from ends[s] to ends[s + 1]."""
    count = spare = 0
    for turn in range(2):
        for source in range(len(quotas)):
            room = spare + (quotas[source] if turn == 0 else 0)
            at = ends[source]
            while room > 0 and at < ends[source + 1]:
                place = places[at]
                if free[place]:
                    free[place] = False
                    taken[count] = place
                    sources[count] = source
                    count += 1
                    room -= 1
                at += 1
            spare = room
    return count
