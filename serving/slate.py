"""A page made of ordered candidates: the policy's caps and promises, applied to what is known of the items."""

from collections.abc import Sequence

import numpy as np

from serving import rerank
from serving.definition import Policy
from serving.item_states import Codes, ItemStates


def arranged(
    policy: Policy, states: ItemStates, rows: Codes, order: Sequence[int], *, limit: int, now: float
) -> list[int]:  # fmt: skip
    """Places in `rows` of the page's items, from the top; `order` holds the places from best to worst."""
    values = [_values(states, cap.field, rows) for cap in policy.caps]
    page = rerank.capped(order, values, [cap.most for cap in policy.caps], limit)
    if policy.fresh is None:
        return page
    born = states.field(policy.born, rows)
    young = [False] * len(rows) if born is None else (now - born <= policy.fresh.within_s).tolist()
    return rerank.with_fresh(page, order, young, rerank.promised(policy.fresh.places, policy.fresh.of, limit))


def _values(states: ItemStates, name: str, rows: Codes) -> list[int]:
    """An attribute's codes; items whose value is unknown share none."""
    column = states.field(name, rows)
    codes = np.zeros(len(rows), dtype=np.int64) if column is None else column
    return [int(value) or -1 - place for place, value in enumerate(codes)]
