"""What is known of the candidates of one request: gathered once, consistent with itself, then only sliced."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import Floats, Seconds
from feature_repo.marks import Marks, marks

if TYPE_CHECKING:
    from serving.item_states import Codes, ItemStates


class ItemBlock:
    """The states and attributes of some items.

    rows   (n,) int32, 0 for items never met
    known  (n,) whether the item is described: deleted ones and those never met are not
    """

    def __init__(self, states: "ItemStates", rows: "Codes") -> None:
        self._states, self.rows = states, rows
        self.known: NDArray[np.bool_] = states.items.gather_known(rows)

    @property
    def marks(self) -> Marks:
        """(n,) the mark of each item; of items never met it says nothing."""
        return marks([name or "" for name in self._states.names(self.rows)])

    def counters(self, view: str) -> tuple[Floats, Seconds]:
        """The counters of a view whose only key is the item, (n, counters), and when they were published, (n,)."""
        return self._states.counters[view].gather(self.rows)

    def counter(self, name: str) -> Floats:
        """(n,) one counter `view.counter` of such a view, as it was published."""
        view, _, counter = name.partition(".")
        return self.counters(view)[0][:, self._states.counters[view].view.counters.index(counter)]

    def field(self, name: str) -> NDArray[Any] | None:
        """(n,) an attribute `view.field`: numbers (NaN unknown) or codes (0 unknown); None if items have no such."""
        return self._states.field(name, self.rows)

    def take(self, places: NDArray[Any] | list[int]) -> "ItemBlock":
        """The block of some of its items."""
        return ItemBlock(self._states, self.rows[places])
