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
        places = np.arange(len(rows), dtype=np.int32)
        self._stamps[rows[::-1]] = places[::-1]
        found = rows[self._stamps[rows] == places]
        self._stamps[found] = places[: len(found)]
        return found, self._stamps[rows].astype(np.intp)  # as such they index faster, and they do so often
