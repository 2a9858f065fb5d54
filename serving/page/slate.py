"""A page made of scored candidates: the policy's steps, applied to what is known of the items."""

from collections.abc import Callable

import msgspec
import numpy as np

from infra.arrays import Float32s
from infra.loops import loop
from serving.definition import Caps, Diversity, Exploration, FreshSlots, ReleasePolicy
from serving.items import Codes, ItemBlock
from serving.page import rerank
from serving.page.diversity import diverse, spread
from serving.page.exploration import explored
from serving.page.rerank import Order

Vectors = Callable[[Codes], Float32s]


class Arrangement(msgspec.Struct, frozen=True):
    """What is shown, from the top.

    places        (shown,) places among the candidates
    propensities  (shown,) float32 probability that the item is shown at its place, given the candidates and scores
    """

    places: Order
    propensities: Float32s


class Scored(msgspec.Struct, frozen=True):
    """The candidates of one request with their scores, and the moment and size of the page to be made of them."""

    policy: ReleasePolicy
    block: ItemBlock
    scores: Float32s
    vectors: Vectors | None
    limit: int
    now: float


def arranged(
    policy: ReleasePolicy,
    block: ItemBlock,
    scores: Float32s,
    vectors: Vectors | None,
    *,
    limit: int,
    now: float,
    seed: int | None,
) -> Arrangement:  # fmt: skip
    """The page of `limit` that the policy's steps make of the candidates.

    scores   (candidates,) float32, the higher the better; only their order and relative distances count
    vectors  gives the embeddings (n, d) of items by their rows, each of length 1; None: what needs them is left out
    seed     what is drawn by lot follows from it; None: nothing is
    """
    given, order = Scored(policy, block, scores, vectors, limit, now), rerank.by_score(scores)
    for step in policy.steps:
        match step:
            case Diversity():
                order = _diverse(step, order, given)
            case Caps():
                order = _capped(step, order, given)
            case FreshSlots():
                order = _with_fresh(step, order, given)
            case Exploration():
                if seed is not None:
                    return _explored(step, order, given, seed)
    return certain(order[:limit])


def certain(places: Order) -> Arrangement:
    """An arrangement without any chance in it."""
    return Arrangement(places, np.ones(len(places), dtype=np.float32))


def _diverse(step: Diversity, order: Order, given: Scored) -> Order:
    head = order[: step.depth]
    if given.vectors is None or not len(head):
        return order
    vectors = given.vectors(given.block.rows[head])
    return rerank.ahead(head[diverse(spread(given.scores[head]), vectors, step.weight, given.limit)], order)


def _capped(step: Caps, order: Order, given: Scored) -> Order:
    columns = {name: given.block.field(name) for name in step.most}
    known = {name: codes for name, codes in columns.items() if codes is not None}
    return rerank.capped(order, list(known.values()), [step.most[name] for name in known], given.limit)


def _with_fresh(step: FreshSlots, order: Order, given: Scored) -> Order:
    born = given.block.field(given.policy.born)
    if born is None:
        return order
    places = rerank.promised(step.places, step.of, given.limit)
    return rerank.with_fresh(order, born >= given.now - step.within_s, places, given.limit)


def _explored(step: Exploration, order: Order, given: Scored, seed: int) -> Arrangement:
    page, behind = order[: given.limit], order[given.limit :]
    rare = np.empty_like(behind)
    count = _rare(given.block.counter(step.exposure), step.below, behind, rare)
    return Arrangement(*explored(page, rare[:count], step.share, seed))


@loop("int64(read(float32[:]), float64, read(int64[:]), int64[:])")
def _rare(exposure: Float32s, below: float, places: Order, rare: Order) -> int:
    """Those of some places at which the exposure is less."""
    count = 0
    for i in range(len(places)):
        if exposure[places[i]] < below:
            rare[count] = places[i]
            count += 1
    return count
