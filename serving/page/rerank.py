"""From scores to a page: pure steps, each turning an order of candidates into another whose beginning is the page.

An order holds the places of all candidates, the best first. No step drops or doubles one, so that steps compose.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from infra.arrays import Bools, Float32s
from infra.loops import loop

Order = NDArray[np.int64]


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
    made = np.empty_like(order)
    _ahead(np.asarray(picked, dtype=np.int64), order, np.ones(len(order), dtype=np.bool_), made)
    return made


@loop("int64(read(int64[:]), read(int64[:]), boolean[:], int64[:])")
def _ahead(picked: Order, order: Order, waiting: Bools, made: Order) -> int:
    count = 0
    for i in range(len(picked)):
        made[count] = picked[i]
        waiting[picked[i]] = False
        count += 1
    for i in range(len(order)):
        if waiting[order[i]]:
            made[count] = order[i]
            count += 1
    return count


def capped(order: Order, values: Sequence[NDArray[np.int32]], most: Sequence[int], limit: int) -> Order:
    """The first `limit` of the order have at most `most` of one value per cap, as far as enough others are left.

    values  one array (candidates,) per cap: the code of each candidate's value; the unknown value 0 is never capped
    """
    codes, page = np.empty((len(values), len(order)), dtype=np.int32), np.empty(min(limit, len(order)), dtype=np.int64)
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
    given = count
    at = len(page) - 1
    while given > 0:
        if not fresh[page[at]]:
            given -= 1
            page[at] = waiting[given]
        at -= 1
    return count


def promised(places: int, of: int, limit: int) -> int:
    """How many fresh places a page of `limit` has, when a page of `of` has `places`."""
    return places * limit // of
