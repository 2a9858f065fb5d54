"""Distinct rows, and the places of rows among others, by open hash tables: a slot holds a place, or -1."""

import numpy as np

from infra.arrays import Int32s, Int64s
from infra.loops import loop
from serving.items.item_states import Codes

SPREAD = 0x9E3779B97F4A7C15 - (1 << 64)  # 2⁶⁴ over the golden ratio, as a signed number


def distinct(rows: Codes) -> tuple[Codes, Int32s]:
    """Each row once, in the order of their first occurrences, and the place of each of the rows among them."""
    different, places = np.empty_like(rows), np.empty(len(rows), dtype=np.int32)
    slots = np.empty(2 << len(rows).bit_length(), dtype=np.int32)
    count = _distinct(rows, slots, different, places)
    return different[:count], places


@loop("int64(read(int32[:]), int32[:], int32[:], int32[:])")
def _distinct(rows: Codes, slots: Codes, different: Codes, places: Int32s) -> int:
    count = 0
    last = len(slots) - 1
    for slot in range(len(slots)):
        slots[slot] = -1
    for i in range(len(rows)):
        row = rows[i]
        slot = (row * SPREAD >> 32) & last
        while slots[slot] >= 0 and different[slots[slot]] != row:
            slot = (slot + 1) & last
        if slots[slot] < 0:
            slots[slot] = count
            different[count] = row
            count += 1
        places[i] = slots[slot]
    return count


def places_among(numbers: Int64s, others: Int64s) -> Int32s:
    """The place of each number among others; the number of others for one that is not among them, and for 0."""
    places, slots = np.empty(len(numbers), dtype=np.int32), np.empty(2 << len(others).bit_length(), dtype=np.int32)
    _among(numbers, others, slots, places)
    return places


@loop("int64(read(int64[:]), read(int64[:]), int32[:], int32[:])")
def _among(numbers: Int64s, others: Int64s, slots: Codes, places: Int32s) -> int:
    last = len(slots) - 1
    for slot in range(len(slots)):
        slots[slot] = -1
    for i in range(len(others)):
        slot = (others[i] * SPREAD >> 32) & last
        while slots[slot] >= 0 and others[slots[slot]] != others[i]:
            slot = (slot + 1) & last
        if slots[slot] < 0:
            slots[slot] = i
    for i in range(len(numbers)):
        slot = (numbers[i] * SPREAD >> 32) & last
        while slots[slot] >= 0 and others[slots[slot]] != numbers[i]:
            slot = (slot + 1) & last
        places[i] = slots[slot] if slots[slot] >= 0 and numbers[i] != 0 else len(others)
    return len(numbers)
