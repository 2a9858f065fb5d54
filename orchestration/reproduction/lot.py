"""Exploration drawn again from a request's id: which places, and each item's propensity there."""

from collections.abc import Iterator

import numpy as np

from infra.arrays import Bools, Float32s
from orchestration.reproduction.answer_log import LoggedAnswer
from serving.feedback import POSITION, SOURCE
from serving.page import explored_places, shuffled_places


def redrawn(
    answer: LoggedAnswer, share: float, shuffle: float, lots: tuple[str, ...]
) -> tuple[list[str], list[str]]:  # fmt: skip
    """What differs from the logged propensities, and what agrees, in sentences.

    How many items could be drawn (n) is not logged, but follows from a drawn item's propensity q / n. Nor is it logged
    which they were: that a place was explored can be drawn again, its item cannot. The propensity of an item that one
    of the sources `lots` drew is smaller by a chance that is not logged by itself.
    """
    logged = answer.propensities
    positions = [row.get(POSITION) for row in answer.rows]
    if positions != list(range(1, len(positions) + 1)):
        return [], ["exploration cannot be drawn again: places of the page are missing in the log"]
    try:
        seed = int(answer.request, 16)
    except ValueError:
        return [], [f"exploration cannot be drawn again: `{answer.request}` is no id that the service gives"]
    by_lot: Bools = np.array([row.get(SOURCE) in lots for row in answer.rows])
    order, kept = shuffled_places(len(logged), shuffle, seed)
    shuffled = "; the order was drawn by lot" if (np.diff(order) < 0).any() else ""
    for n in _possible(len(logged), logged[~by_lot], share):
        at, propensities, _ = explored_places(len(logged), n, share, seed)
        ranked = np.delete(np.arange(len(logged)), at)
        propensities[ranked] *= kept[ranked]
        if np.array_equal(propensities[~by_lot], logged[~by_lot]) and (logged[by_lot] <= propensities[by_lot]).all():
            places = ", ".join(str(place + 1) for place in sorted(at)) or "none"
            drawn = f" from {n:,} items" if (~by_lot[at]).any() else ""
            return [], [f"exploration drawn again from the request's id: places {places}{drawn}, as logged{shuffled}"]
    return ["the logged propensities are not those that the request's id and the release's policy lead to"], []


def _possible(places: int, logged: Float32s, share: float) -> Iterator[int]:
    """How many items may have been there to draw, as far as the propensities tell."""
    usual = int(share * places) + 1  # from so many on the number does not count for the places
    yield from range(usual + 1)
    for chance in np.unique(logged):
        nearest = round(share / float(chance)) if chance > 0 else 0
        yield from range(max(usual, nearest - 2), nearest + 3)
