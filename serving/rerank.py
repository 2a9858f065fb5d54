"""From scores to a page: pure steps over candidates in order of score."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Places = list[int]
Values = Sequence[int]


def by_score(scores: NDArray[np.float32]) -> Places:
    """Candidates by falling score; equal scores keep the order they came in."""
    return [int(i) for i in np.argsort(-scores, kind="stable")]


def capped(order: Sequence[int], values: Sequence[Values], most: Sequence[int], limit: int) -> Places:
    """The first `limit` of the order with at most `most` of one value per cap.

    values  one sequence per cap: the value of each candidate
    Those left out fill the end when too few others are left: a page is never shorter than it could be.
    """
    counts: list[Counter[int]] = [Counter() for _ in most]
    page: Places = []
    passed: Places = []
    for i in order:
        if len(page) == limit:
            return page
        if all(count[of[i]] < cap for count, of, cap in zip(counts, values, most, strict=True)):
            page.append(i)
            for count, of in zip(counts, values, strict=True):
                count[of[i]] += 1
        else:
            passed.append(i)
    return page + passed[: limit - len(page)]


def with_fresh(page: Sequence[int], order: Sequence[int], fresh: Sequence[bool], places: int) -> Places:
    """The page with at least `places` fresh candidates, as far as there are any.

    The best fresh ones outside the page take the places of its lowest others, in their own order at those places.
    """
    missing = places - sum(bool(fresh[i]) for i in page)
    if missing <= 0:
        return list(page)
    shown = set(page)
    waiting = [i for i in order if fresh[i] and i not in shown][:missing]
    giving = [at for at in reversed(range(len(page))) if not fresh[page[at]]][: len(waiting)]
    changed = list(page)
    for at, i in zip(sorted(giving), waiting, strict=False):  # a page may be too short for its promise
        changed[at] = i
    return changed


def promised(places: int, of: int, limit: int) -> int:
    """How many fresh places a page of `limit` has, when a page of `of` has `places`."""
    return places * limit // of
