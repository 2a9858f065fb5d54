"""From scores to a page: pure steps, each turning an order of candidates into another whose beginning is the page.

An order holds the places of all candidates, the best first. No step drops or doubles one, so that steps compose.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import Floats

Order = NDArray[np.intp]
Flags = NDArray[np.bool_]


def by_score(scores: Floats) -> Order:
    """Candidates by falling score; equal scores keep the order they came in."""
    return (-scores).argsort(kind="stable")


def ahead(picked: Order | Sequence[int], order: Order) -> Order:
    """The picked candidates first, then all others in their order."""
    first = np.asarray(picked, dtype=np.intp)
    others = np.ones(len(order), dtype=np.bool_)
    others[first] = False
    return np.concatenate([first, order[others[order]]])


def capped(order: Order, values: Sequence[NDArray[np.int32]], most: Sequence[int], limit: int) -> Order:
    """The first `limit` of the order have at most `most` of one value per cap, as far as enough others are left.

    values  one array (candidates,) per cap: the code of each candidate's value; the unknown value 0 is never capped
    """
    # Memory views give plain integers one by one: most of the candidates are never looked at.
    caps = [(of.data, cap, dict[int, int]()) for of, cap in zip(values, most, strict=True)]
    page: list[int] = []
    for i in order.data:
        if len(page) == limit:
            break
        for of, cap, count in caps:
            if (code := of[i]) and count.get(code, 0) >= cap:
                break
        else:
            page.append(i)
            for of, _, count in caps:
                code = of[i]
                count[code] = count.get(code, 0) + 1
    return order if page == order[: len(page)].tolist() else ahead(page, order)


def with_fresh(order: Order, fresh: Flags, places: int, limit: int) -> Order:
    """At least `places` of the first `limit` are fresh, as far as there are any.

    The best fresh ones behind the page take the places of its lowest others, in their own order at those places.
    """
    there = fresh[order]
    missing = places - np.count_nonzero(there[:limit])
    if missing <= 0:
        return order
    page, behind = order[:limit].copy(), order[limit:]
    waiting = behind[there[limit:]][:missing]
    giving = np.flatnonzero(~there[:limit])
    count = min(len(waiting), len(giving))  # a page may be too short for its promise
    page[giving[len(giving) - count :]] = waiting[:count]
    return ahead(page, order)


def promised(places: int, of: int, limit: int) -> int:
    """How many fresh places a page of `limit` has, when a page of `of` has `places`."""
    return places * limit // of
