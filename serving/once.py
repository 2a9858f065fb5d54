"""Each row once: what one source found is not taken again from the next."""

import numpy as np
from numpy.typing import NDArray

from serving.item_states import Codes

Places = NDArray[np.intp]


class Once:
    """Tells rows apart with one stamp a row, kept from request to request: 4 bytes for the highest row met."""

    def __init__(self) -> None:
        self._stamps: Codes = np.zeros(0, dtype=np.int32)

    def distinct(self, rows: Codes) -> tuple[Codes, Places]:
        """Each row once, in the order of their first occurrences, and the place of each of the rows among them."""
        highest = int(rows.max(initial=-1))
        if highest >= len(self._stamps):
            self._stamps = np.empty(2 * highest + 1, dtype=np.int32)  # whatever is in it is written before it is read
        at, places = rows.astype(np.intp), np.arange(len(rows), dtype=np.int32)  # as such they index faster
        self._stamps[at[::-1]] = places[::-1]
        firsts = self._stamps[at]
        first = firsts == places
        return rows[first], (first.cumsum() - 1)[firsts]
