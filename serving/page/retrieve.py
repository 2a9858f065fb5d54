"""Retrieval: the candidates of one asker, drawn from several sources under one filter."""

import logging
from collections.abc import Sequence
from itertools import accumulate
from time import perf_counter

import msgspec
import numpy as np
from numpy.typing import NDArray

from infra.arrays import Int64s
from infra.loops import loop
from serving import metrics
from serving.definition import ReleasePolicy
from serving.items import NONE, Codes, ItemBlock, distinct
from serving.page.exploration import NO_LOT, Lot
from serving.page.offers import CandidateRequest, offered
from serving.sources import Rare, Source

ALL = slice(None)
# Some of what a source offers is not allowed, or another source found it before: 1.4 times a quota is nearly always
# enough, and asking twice costs more than asking for more. What was shown lately is taken away on top of a fifth.
TIMES, BESIDE_SEEN, SECOND = 1.4, 1.2, 2
log = logging.getLogger(__name__)


class Candidates(msgspec.Struct, frozen=True):
    """What may be shown to the asker, each item once, in the order of the policy's sources.

    block    (n) what is known of the items
    sources  (n,) uint8, the place in the policy of the source that found each first
    lot      which of them were found by lot: the last
    """

    block: ItemBlock
    sources: NDArray[np.uint8]
    lot: Lot = NO_LOT

    @property
    def rows(self) -> Codes:
        """(n,) the rows of the items."""
        return self.block.rows

    def names(self, policy: ReleasePolicy, places: NDArray[np.intp] | slice = ALL) -> list[str]:
        """The name of the source that found each first, or each of those at some places."""
        return [policy.sources[source].name for source in self.sources[places].tolist()]


def candidates(ask: CandidateRequest) -> Candidates:
    """The candidates of an asker: of each source those that may be shown, as many as it may give.

    A source that fails or takes longer than its deadline gives nothing, and the others fill its places. What is drawn
    by lot takes no place of theirs: the others' candidates are the same whatever is drawn.
    """
    sources = ask.policy.sources
    quotas = [round(source.quota * ask.share) for source in sources]
    sure = len(sources) - sum(isinstance(source, Rare) for source in sources)
    wanted, offers, more = sum(quotas[:sure]), [NONE for _ in sources], [True] * sure
    for times in _times(ask, wanted):
        _fill(ask, [round(times * quota) for quota in quotas[:sure]], offers, more)
        missing = max(wanted - sum(map(len, offers[:sure])), 0)
        for place in range(sure, len(sources)):
            offers[place] = _timely(ask, sources[place], quotas[place] + missing)
        taken = _taken(ask, offers, quotas, sure)
        if len(taken.rows) - taken.lot.count == wanted or not any(more):
            break
    for source, count in zip(sources, np.bincount(taken.sources, minlength=len(sources)).tolist(), strict=True):
        metrics.source(source.name).gave(count)
    return taken


def candidates_without_user(ask: CandidateRequest) -> Candidates:
    """The candidates that need no knowledge of the asker: what is watched now where they are, and what is new."""
    offers = [offered(ask, source, 0) if source.for_anybody else NONE for source in ask.policy.sources]
    return _taken(ask, offers, [len(rows) for rows in offers], len(offers))


def _times(ask: CandidateRequest, quotas: int) -> tuple[float, float]:
    """How many times its quota each source is asked for, and how many if that was too little.

    Sources go on offering what the asker was shown lately.
    """
    seen = min(len(ask.may.seen), ask.remembered)  # from memory and from Redis, so that some marks come twice
    first = max(TIMES, BESIDE_SEEN + seen / max(quotas, 1))
    return first, SECOND * first


def _fill(ask: CandidateRequest, counts: Sequence[int], offers: list[Codes], more: list[bool]) -> None:
    """Fill in what sources offer, and which may have more; those that have no more are not asked again."""
    missing = 0
    for place, (source, own) in enumerate(zip(ask.policy.sources, counts, strict=False)):  # without the last, by lot
        count = own + missing  # what those before do not have, those after may
        if more[place]:
            offers[place] = _timely(ask, source, count)
            more[place] = len(offers[place]) == count
        missing = count - len(offers[place])


def _timely(ask: CandidateRequest, source: Source, count: int) -> Codes:
    """What a source offers in time, at most `count` rows."""
    meter, began = metrics.source(source.name), perf_counter()
    try:
        rows = offered(ask, source, count)[:count]
    except Exception as failed:  # an unexpected error in one source costs its candidates, not the answer
        log.exception("source %s gives nothing", source.name)
        meter.failed(type(failed).__name__)
        return NONE
    took = perf_counter() - began
    meter.took(took)
    if took * 1000 > source.deadline_ms:
        meter.failed("late")
        return NONE
    return rows


def _taken(ask: CandidateRequest, offers: Sequence[Codes], quotas: Sequence[int], sure: int) -> Candidates:
    """What may be shown of what is offered: each source takes its quota of what those before it left.

    What a source leaves of its quota goes to those after it, and what is left then to all that have more. Behind the
    `sure` first sources comes what was drawn by lot, all of it: were some left out, the chance of the rest would depend
    on what else was drawn.
    """
    rows, places = distinct(np.concatenate([NONE, *offers]))
    block = ask.may.filters.states.gather(rows)
    ends, most = np.array([0, *accumulate(map(len, offers))]), np.array(quotas, dtype=np.int64)
    taken, sources = np.empty(len(rows), dtype=np.int32), np.empty(len(rows), dtype=np.uint8)
    free = ask.may.mask(block)
    count = others = _shared(places, free, ends, most[:sure], taken, sources)
    if sure == len(offers):
        return Candidates(block.take(taken[:count]), sources[:count])
    drawn = places[ends[sure] :]
    drawn = drawn[free[drawn]]
    count += len(drawn)
    taken[others:count], sources[others:count] = drawn, sure
    lot = Lot(len(drawn), ask.pools.chance(len(offers[sure])))
    return Candidates(block.take(taken[:count]), sources[:count], lot)


@loop("int64(read(int32[:]), boolean[:], read(int64[:]), read(int64[:]), int32[:], uint8[:])")
def _shared(
    places: Codes, free: NDArray[np.bool_], ends: Int64s, quotas: Int64s, taken: Codes, sources: NDArray[np.uint8]
) -> int:  # fmt: skip
    """Which places are taken, and for which source; those of source s are from ends[s] to ends[s + 1]."""
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
