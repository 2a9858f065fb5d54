"""What is known of the candidates of one request: gathered in one go, each row as of one moment, then only sliced."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import Seconds
from infra.arrays import Float32s
from infra.marks import Marks
from serving.items.entity_table import BUSY, KNOWN, STATE, RowWords
from serving.items.item_views import CounterTable, Reader
from serving.items.mark_index import Codes
from serving.items.vocabulary import Vocabulary

READABLE = KNOWN | BUSY


class Columns(Protocol):
    """What a block needs of the states that its rows come from: how the columns of an item's row are read."""

    @property
    def item_words(self) -> Vocabulary:
        """The items by their rows."""

    @property
    def counters(self) -> Mapping[str, CounterTable]:
        """How the counters of each view are read."""

    @property
    def readers(self) -> Mapping[str, Reader]:
        """How each attribute `view.field` of an item is read from rows of their table."""

    def field(self, name: str, rows: Codes) -> NDArray[Any] | None:
        """An attribute of some items that is in another table."""


class ItemBlock:
    """The states and attributes of some items.

    rows   (n,) int32, 0 for items never met
    words  (n, words) uint32, their rows of the table
    """

    def __init__(self, columns: Columns, rows: Codes, words: RowWords) -> None:
        self._columns, self.rows, self.words = columns, rows, words
        self._fields: dict[str, NDArray[Any] | None] = {}

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n,) whether the item is described: deleted ones and those never met are not."""
        described: NDArray[np.bool_] = self.words[:, STATE] & READABLE == KNOWN
        return described

    @property
    def marks(self) -> Marks:
        """(n,) the mark of each item, 0 for those never met."""
        return self._columns.item_words.marks(self.rows)

    def counters(self, view: str) -> tuple[Float32s, Seconds]:
        """The counters of a view whose only key is the item, (n, counters), and when they were published, (n,)."""
        return self._columns.counters[view].of(self.words)

    def counter(self, name: str) -> Float32s:
        """(n,) one counter `view.counter` of such a view, as it was published."""
        view, _, counter = name.partition(".")
        return self._columns.counters[view].one(counter, self.words)

    def field(self, name: str) -> NDArray[Any] | None:
        """(n,) an attribute `view.field`: numbers (NaN unknown) or codes (0 unknown); None if items have no such.

        The same array however often it is asked for.
        """
        if name not in self._fields:
            read = self._columns.readers.get(name)
            self._fields[name] = read(self.words) if read else self._columns.field(name, self.rows)
        return self._fields[name]

    def take(self, places: NDArray[Any] | list[int]) -> "ItemBlock":
        """The block of some of its items."""
        return ItemBlock(self._columns, self.rows.take(places), self.words.take(places, axis=0))
