"""Measures of a contender's lists that need no outcomes: coverage of the catalogue, novelty, diversity."""

import numpy as np

from infra.arrays import AnyArray
from infra.statistics import Weights
from training.objectives.measures import Measure, mean, places_in_group


def first_places(group: AnyArray, score: AnyArray, top: int) -> AnyArray:
    """Whether each row is among the first `top` of its group; (rows,) bool."""
    listed: AnyArray = places_in_group(group, score) < top
    return listed


def coverage(user: AnyArray, item: AnyArray, listed: AnyArray, users: int) -> Measure:
    """Share of the items that could be listed and are listed."""
    from scipy.sparse import csr_matrix

    size = (users, int(item.max()) + 1 if len(item) else 1)
    available = csr_matrix((np.ones(len(item), dtype=np.float32), (user, item)), shape=size)
    taken = csr_matrix((listed.astype(np.float32), (user, item)), shape=size)

    def measure(weights: Weights) -> AnyArray:
        drawn = (weights > 0).astype(np.float32)
        distinct: AnyArray = ((drawn @ taken) > 0).sum(axis=1) / np.maximum(((drawn @ available) > 0).sum(axis=1), 1)
        return distinct

    return measure


def novelty(user: AnyArray, unknown: AnyArray, listed: AnyArray, users: int) -> Measure:
    """Mean of −log2 of an item's earlier share of all showings, over listed rows."""
    return mean(np.where(listed, unknown, np.nan), user, users)


def diversity(group: AnyArray, user: AnyArray, attribute: AnyArray, listed: AnyArray, users: int) -> Measure:
    """Mean over lists of two or more of the share of pairs that differ in the attribute.

    An unknown attribute (−1) differs from every other, as it does for the caps of a page.
    """
    groups, kinds = int(group.max()) + 1 if len(group) else 0, int(attribute.max()) + 1 if len(attribute) else 1
    known = listed & (attribute >= 0)
    pairs, counts = np.unique(group[known] * kinds + attribute[known], return_counts=True)
    same = np.bincount(pairs // kinds, weights=counts * (counts - 1), minlength=groups)
    sizes = np.bincount(group[listed], minlength=groups)
    different = np.full(groups, np.nan)
    np.divide(same, sizes * (sizes - 1), out=different, where=sizes > 1)
    return mean(1 - different, owners(group, user, groups), users)


def owners(group: AnyArray, user: AnyArray, groups: int) -> AnyArray:
    """Whose each group is: (groups,) user codes."""
    users = np.zeros(groups, dtype=np.int64)
    users[group[::-1]] = user[::-1]
    return users
