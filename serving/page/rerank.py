"""From scores to a page: the policy's steps, each turning an order of candidates into another.

An order holds the places of all candidates, the best first; its beginning is the page. No step drops or doubles one, so
that steps compose.
"""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from infra.arrays import Bools, Float32s
from infra.loops import loop
from serving.definition import ReleasePolicy
from serving.items import Codes, ItemBlock
from serving.page.diversity import diverse, spread
from serving.steps import Caps, Diversity, FreshSlots

Order = NDArray[np.int64]
Vectors = Callable[[Codes], Float32s]


class Scored(msgspec.Struct, frozen=True):
    """The candidates of one request with their scores, and the moment and size of the page to be made of them."""

    policy: ReleasePolicy
    block: ItemBlock
    scores: Float32s
    vectors: Vectors | None
    limit: int
    now: float


def reordered(step: Diversity | Caps | FreshSlots, order: Order, scored: Scored) -> Order:
    """The order that a step makes of another."""
    match step:
        case Diversity():
            return _diverse(step, order, scored)
        case Caps():
            return _with_caps(step, order, scored)
        case FreshSlots():
            return _with_fresh_slots(step, order, scored)


def _diverse(step: Diversity, order: Order, scored: Scored) -> Order:
    head = order[: step.depth]
    if scored.vectors is None or not len(head):
        return order
    vectors = scored.vectors(scored.block.rows[head])
    return ahead(head[diverse(spread(scored.scores[head]), vectors, step.weight, scored.limit)], order)


def _with_caps(step: Caps, order: Order, scored: Scored) -> Order:
    columns = {name: scored.block.field(name) for name in step.most}
    codes = {name: column for name, column in columns.items() if column is not None}
    return capped(order, list(codes.values()), [step.most[name] for name in codes], scored.limit)


def _with_fresh_slots(step: FreshSlots, order: Order, scored: Scored) -> Order:
    born = scored.block.field(scored.policy.born)
    if born is None:
        return order
    places = promised(step.places, step.of, scored.limit)
    return with_fresh(order, born >= scored.now - step.within_s, places, scored.limit)


def by_score(scores: Float32s) -> Order:
    """Candidates by falling score; equal scores keep the order they came in, and what is no number comes last."""
    keys = np.empty(len(scores), dtype=np.int64)
    _keys(scores, scores.view(np.int32), keys)
    keys.sort()  # numbers that hold score and place are sorted in a third of the time that a stable `argsort` takes
    return keys & 0xFFFFFFFF


@loop("int64(read(float32[:]), read(int32[:]), int64[:])")
def _keys(scores: Float32s, bits: NDArray[np.int32], keys: Order) -> int:
    """Whole numbers that rise as scores fall, each with its place in its lower half."""
    for i in range(len(scores)):
        rank = bits[i] if bits[i] >= 0 else bits[i] ^ 0x7FFFFFFF
        if scores[i] == 0.0:  # of which there are two
            rank = 0
        if scores[i] != scores[i]:  # NaN, which alone differs from itself
            rank = -0x7FFFFFFF
        keys[i] = (0 - rank) * 0x100000000 + i
    return len(scores)


def ahead(picked: Order | Sequence[int], order: Order) -> Order:
    """The picked candidates first, then all others in their order."""
    changed = np.empty_like(order)
    _ahead(np.asarray(picked, dtype=np.int64), order, np.ones(len(order), dtype=np.bool_), changed)
    return changed


@loop("int64(read(int64[:]), read(int64[:]), boolean[:], int64[:])")
def _ahead(picked: Order, order: Order, waiting: Bools, changed: Order) -> int:
    count = 0
    for i in range(len(picked)):
        changed[count] = picked[i]
        waiting[picked[i]] = False
        count += 1
    for i in range(len(order)):
        if waiting[order[i]]:
            changed[count] = order[i]
            count += 1
    return count


def capped(order: Order, values: Sequence[NDArray[np.int32]], most: Sequence[int], limit: int) -> Order:
    """The first `limit` of the order have at most `most` of one value per cap, as far as enough others are left.

    values  one array (candidates,) per cap: the code of each candidate's value; the unknown value 0 is never capped
    """
    page = np.empty(min(limit, len(order)), dtype=np.int64)
    codes = np.empty((len(values), max(map(len, values), default=0)), dtype=np.int32)
    for row, value in enumerate(values):
        codes[row] = value
    return ahead(page[: _capped(order, codes, np.array(most, dtype=np.int64), page)], order)


@loop("int64(read(int64[:]), read(int32[:, :]), read(int64[:]), int64[:])")
def _capped(order: Order, codes: NDArray[np.int32], most: Order, page: Order) -> int:
    count = 0
    for at in range(len(order)):
        if count == len(page):
            break
        fits = True
        for cap in range(len(most)):
            code = codes[cap, order[at]]
            alike = 0
            for k in range(count):
                alike += int(codes[cap, page[k]] == code)
            fits = fits and (code == 0 or alike < most[cap])
        if fits:
            page[count] = order[at]
            count += 1
    return count


def with_fresh(order: Order, fresh: Bools, places: int, limit: int) -> Order:
    """At least `places` of the first `limit` are fresh, as far as there are any.

    The best fresh ones behind the page take the places of its lowest others, in their own order at those places.
    """
    page = order[:limit].copy()
    changed = _freshened(order, fresh, places, page, np.empty(places, dtype=np.int64))
    return ahead(page, order) if changed else order


@loop("int64(read(int64[:]), read(boolean[:]), int64, int64[:], int64[:])")
def _freshened(order: Order, fresh: Bools, places: int, page: Order, waiting: Order) -> int:
    """Put fresh ones on the page; returns how many."""
    missing = places
    others = 0
    for i in range(len(page)):
        missing -= int(fresh[page[i]])
        others += int(not fresh[page[i]])
    count = 0
    for i in range(len(page), len(order)):
        if count < min(missing, others) and fresh[order[i]]:
            waiting[count] = order[i]
            count += 1
    left = count
    at = len(page) - 1
    while left > 0:
        if not fresh[page[at]]:
            left -= 1
            page[at] = waiting[left]
        at -= 1
    return count


def promised(places: int, of: int, limit: int) -> int:
    """How many fresh places a page of `limit` has, when a page of `of` has `places`."""
    return places * limit // of
