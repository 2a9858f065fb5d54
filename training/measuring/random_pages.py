"""Pages whose order was drawn by lot, as decisions: at which place of its page each item is put.

On such a page every item was equally likely at each of the m places, whichever items were drawn: given the page, the
propensity of an item's place is 1 / m. A ranking puts each item at one place; where that is the place at which it was
shown, its outcome counts m times (the item-position estimator of Li et al. 2018). What is valued is the order of the
items of a page, not which items come on it. Assumed is that an item's outcome does not depend on what else is where.
"""

from collections.abc import Callable

import numpy as np

from infra.arrays import AnyArray
from training.measuring.off_policy import Decisions
from training.objectives import places_in_group

SURE = 0.5
"""On a page drawn by lot most rows have a smaller propensity; on one with a few explored places most have a larger."""


def drawn_by_lot(page: AnyArray, propensity: AnyArray) -> AnyArray:
    """Whether each row is of a page, of two rows or more, whose order was drawn by lot; (rows,) bool.

    propensity  (rows,) as logged; NaN where it is not known, which is no lot
    """
    pages = int(page.max(initial=-1)) + 1
    rows, unsure = np.bincount(page, minlength=pages), np.bincount(page, weights=propensity < SURE, minlength=pages)
    random: AnyArray = (unsure > rows / 2) & (rows > 1)
    return random[page] & np.isfinite(propensity)


def place_decisions(
    page: AnyArray,
    position: AnyArray,
    score: AnyArray,
    reward: AnyArray,
    user: AnyArray,
    predict: Callable[[AnyArray], AnyArray] | None = None,
) -> Decisions:
    """Of the rows of pages drawn by lot, where each item was and where a ranking by score would put it.

    position  (rows,) the place on the page, the smallest on top
    predict   (rows,) positions → (rows,) the reward that a model predicts of each row's item there
    """
    size = np.bincount(page, minlength=int(page.max(initial=-1)) + 1)
    order = np.lexsort((position, page))
    starts = np.cumsum(size) - size
    wanted = position[order][(starts[page] + places_in_group(page, score))] if len(page) else position
    nothing = np.zeros(len(page))
    predicted, expected = (nothing, nothing) if predict is None else (predict(position), predict(wanted))
    return Decisions(reward, 1 / size[page], (wanted == position).astype(np.float64), predicted, expected, user)
