"""Exploration: some places are given by lot, by a scheme so simple that every probability in it is exact.

Let a page have m places and n candidates be eligible for exploration. How many places k are explored is share · m,
rounded up or down at random so that its mean is exact, and never more than n. Then k of the m places are drawn evenly
without replacement, and k of the n candidates likewise, in random order. The item that was at a drawn place is
not shown.

The propensity of a shown item is the probability that it is shown at its place. With q = E[k] / m, the probability
that a place is explored, it is 1 − q for an item at the place where the steps before put it, and q / n for one that was
drawn: every eligible candidate has it for every place.

Before that, a share s of the pages may be put into an order drawn by lot (`shuffled_places`). An item that was ranked
at place j is then at place k with probability (1 − s) · [j = k] + s / m, by which 1 − q is multiplied.

Some candidates were found by lot themselves (`Lot`), each with the same known chance. Their propensity is multiplied by
it, so that it is that of the whole draw: being found, and then being put at the place. The steps before exploration
never look at them, so that no other item's place depends on which were found. What remains conditional is n, which
says how many of those found may be shown to this asker: 1 / propensity has the right mean whatever n is.
"""

from random import Random

import msgspec
import numpy as np

from infra.arrays import Float32s
from serving.page.rerank import Order


class Lot(msgspec.Struct, frozen=True):
    """The last `count` of a request's candidates were found by lot; each had this `chance` to be found."""

    count: int
    chance: float


NO_LOT = Lot(0, 1.0)
SHUFFLED = 0x5EED  # makes of a seed another lot than that of the explored places


def explored(page: Order, pool: Order, share: float, seed: int) -> tuple[Order, Float32s]:
    """The page with some places given to candidates of the pool by lot, and the propensity of each item at its place.

    page  (m,) places of the candidates that would be shown without exploration
    pool  (n,) places of those that may be drawn; none is on the page
    """
    n = len(pool)
    at, propensities, lot = explored_places(len(page), n, share, seed)
    shown = page.copy()
    for place, drawn in zip(at, lot.sample(range(n), len(at)), strict=True):
        shown[place] = pool[drawn]
    return shown, propensities


def shuffled_places(m: int, share: float, seed: int) -> tuple[Order, Float32s]:
    """Which of m ranked items each place gets, and the probability that it gets this one."""
    lot, order = Random(seed ^ SHUFFLED), list(range(m))
    if lot.random() < share:
        lot.shuffle(order)
    places = np.array(order, dtype=np.int64)
    kept = (1 - share) * (places == np.arange(m)) + share / max(m, 1)
    return places, kept.astype(np.float32)


def explored_places(m: int, n: int, share: float, seed: int) -> tuple[list[int], Float32s, Random]:
    """The places that are explored, the propensity of the item at each place, and the lot that draws these items."""
    sure, chance = divmod(share * m, 1.0)
    fewer, more = min(int(sure), n), min(int(sure) + 1, n)
    q = ((1 - chance) * fewer + chance * more) / max(m, 1)
    lot = Random(seed)
    count = more if lot.random() < chance else fewer
    at = lot.sample(range(m), count)
    propensities = np.full(m, 1 - q, dtype=np.float32)
    for place in at:
        propensities[place] = q / n
    return at, propensities, lot
