"""Eligibility: what may be shown to whom, on every rung of the ladder. What is not known to be allowed is not."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.definition import Filter, OneOf, Reaches
from serving.item_states import Codes, ItemStates

Asker = Mapping[str, Any]


def mask(filters: Sequence[Filter], states: ItemStates, rows: Codes, asker: Asker | None) -> NDArray[np.bool_]:
    """(rows,) whether each item may be shown to the asker; without one, whether it may be shown to anybody."""
    allowed = states.items.known[np.where(rows < len(states.items.known), rows, 0)].copy()
    for wanted in filters:
        codes = states.field(wanted.field, rows)
        vocabulary = states.vocabulary(wanted.field)
        if codes is None or vocabulary is None:
            return np.zeros(len(rows), dtype=np.bool_)
        allowed &= np.array([_passes(wanted, word, asker) for word in vocabulary.words])[codes]
    return allowed


def passes(filters: Sequence[Filter], attributes: Mapping[str, Any], asker: Asker) -> bool:
    """Whether an item with these attributes (by field name) may be shown to the asker."""
    return all(_passes(wanted, attributes.get(wanted.field.partition(".")[2]), asker) for wanted in filters)


def _passes(wanted: Filter, value: Any, asker: Asker | None) -> bool:
    if value is None:
        return False
    match wanted:
        case OneOf(values=values):
            return value in values
        case Reaches(attribute=attribute):
            return len(value) == 0 or asker is None or asker.get(attribute) in value
