"""A page made of scored candidates: the policy's steps, applied to what is known of the items."""

import msgspec
import numpy as np

from infra.arrays import Float32s
from infra.loops import loop
from serving.definition import ReleasePolicy
from serving.items import ItemBlock
from serving.page import rerank
from serving.page.exploration import NO_LOT, Lot, explored, shuffled_places
from serving.page.rerank import Order, Scored, Vectors
from serving.steps import Exploration, Shuffle


class Arrangement(msgspec.Struct, frozen=True):
    """What is shown, from the top.

    places        (shown,) places among the candidates
    propensities  (shown,) float32 probability that the item is shown at its place, see exploration.py
    orders        by the name of each step, the first being the score: the places of all candidates after it
    """

    places: Order
    propensities: Float32s
    orders: tuple[tuple[str, Order], ...] = ()


def arranged(
    policy: ReleasePolicy,
    block: ItemBlock,
    scores: Float32s,
    vectors: Vectors | None,
    *,
    limit: int,
    now: float,
    seed: int | None,
    lot: Lot = NO_LOT,
) -> Arrangement:  # fmt: skip
    """The page of `limit` that the policy's steps make of the candidates.

    scores   (candidates,) float32, the higher the better; only their order and relative distances count
    vectors  gives the embeddings (n, d) of items by their rows, each of length 1; None: what needs them is left out
    seed     what is drawn by lot follows from it; None: nothing is
    lot      the last candidates were found by lot: they come behind all others, and are shown by exploration
    """
    sure = len(scores) - lot.count
    scored, order = Scored(policy, block, scores, vectors, limit, now), rerank.by_score(scores[:sure])
    orders = [("score", order)]
    for step in policy.steps:
        if not isinstance(step, Shuffle | Exploration):
            order = rerank.reordered(step, order, scored)
            orders.append((type(step).__name__, order))
    if lot.count:
        order = np.concatenate([order, sure + rerank.by_score(scores[sure:])])
    shown = certain(order[:limit])
    if seed is not None:
        shown = _by_lot(shown, order[limit:], scored, seed)
    if lot.count:
        shown.propensities[shown.places >= sure] *= lot.chance
    return Arrangement(shown.places, shown.propensities, tuple(orders))


def certain(places: Order) -> Arrangement:
    """An arrangement without any chance in it."""
    return Arrangement(places, np.ones(len(places), dtype=np.float32))


def _by_lot(page: Arrangement, behind: Order, scored: Scored, seed: int) -> Arrangement:
    """The page after the steps that draw by lot."""
    for step in scored.policy.steps:
        if isinstance(step, Shuffle):
            places, kept = shuffled_places(len(page.places), step.share, seed)
            page = Arrangement(page.places[places], kept)
        elif isinstance(step, Exploration):
            page = _explored(step, page, behind, scored, seed)
    return page


def _explored(step: Exploration, page: Arrangement, behind: Order, scored: Scored, seed: int) -> Arrangement:
    rare = np.empty_like(behind)
    count = _rare(scored.block.counter(step.exposure), step.below, behind, rare)
    places, propensities = explored(page.places, rare[:count], step.share, seed)
    propensities[places == page.places] *= page.propensities[places == page.places]
    return Arrangement(places, propensities)


@loop("int64(read(float32[:]), float64, read(int64[:]), int64[:])")
def _rare(exposure: Float32s, below: float, places: Order, rare: Order) -> int:
    """Those of some places at which the exposure is less."""
    count = 0
    for i in range(len(places)):
        if exposure[places[i]] < below:
            rare[count] = places[i]
            count += 1
    return count
