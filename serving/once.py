"""Each row once: what one source found is not taken again from the next."""

import numpy as np
from numpy.typing import NDArray

from feature_repo.jit import jit
from serving.item_states import Codes

Places = NDArray[np.int32]
SPREAD = 0x9E3779B97F4A7C15 - (1 << 64)  # 2⁶⁴ over the golden ratio, as a signed number


def distinct(rows: Codes) -> tuple[Codes, Places]:
    """Each row once, in the order of their first occurrences, and the place of each of the rows among them."""
    found, places = np.empty_like(rows), np.empty(len(rows), dtype=np.int32)
    slots = np.empty(2 << len(rows).bit_length(), dtype=np.int32)
    count = _distinct(rows, slots, found, places)
    return found[:count], places


@jit
def _distinct(rows: Codes, slots: Codes, found: Codes, places: Places) -> int:
    """An open hash table: each slot holds a place among those found, or -1."""
    count = 0
    last = len(slots) - 1
    for slot in range(len(slots)):
        slots[slot] = -1
    for i in range(len(rows)):
        row = rows[i]
        slot = (row * SPREAD >> 32) & last
        while slots[slot] >= 0 and found[slots[slot]] != row:
            slot = (slot + 1) & last
        if slots[slot] < 0:
            slots[slot] = count
            found[count] = row
            count += 1
        places[i] = slots[slot]
    return count
