"""What the words of a row mean: the counters and attributes of one view, at their place in their entity's row.

Every view begins with the second it was published at, 0 where there is no record.
"""

from collections.abc import Callable, Hashable, Mapping
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import Seconds
from feature_repo.definition import CounterView, ProfileView
from feature_repo.records import Packed
from infra.arrays import Float32s
from infra.loops import loop
from serving.items.combinations import Combinations
from serving.items.entity_table import EntityTable, RowWords
from serving.items.mark_index import Codes
from serving.items.vocabulary import Vocabulary

NUMBERS = {"Float32", "Float64", "Int32", "Int64", "Bool", "UnixTimestamp"}
Reader = Callable[[RowWords], NDArray[Any]]
DOUBLES = {"Float64", "Int32", "Int64", "UnixTimestamp"}  # two words: what float32 would round


class CounterTable:
    """The counters of one view: float32, in the view's order."""

    def __init__(self, view: CounterView, index: Vocabulary | Combinations, table: EntityTable, first: int) -> None:
        self.view, self.index, self.table = view, index, table
        self.half_lives: Seconds = np.array(view.half_lives)
        self._places = {name: first + place for place, name in enumerate(view.counters, 1)}
        self.span = slice(first, first + self.width(view))

    @staticmethod
    def width(view: CounterView) -> int:
        """Words a row."""
        return 1 + len(view.counters)

    def written(self, records: Packed) -> RowWords:
        """What records say, as words; an entity without a record has nothing counted."""
        words = np.empty((len(records.keys), 1 + records.values.shape[1]), dtype=np.uint32)
        words[:, 0] = _seconds(records)
        words[:, 1:] = np.nan_to_num(records.values, nan=0.0).view(np.uint32)
        return words

    def gather(self, codes: Codes) -> tuple[Float32s, Seconds]:
        """The counters of some entities and when they were published."""
        return _counters(self.table.gather(codes, self.span))

    def of(self, rows: RowWords) -> tuple[Float32s, Seconds]:
        """The same from whole rows."""
        return _counters(rows[:, self.span])

    def one(self, counter: str, rows: RowWords) -> Float32s:
        """One counter from whole rows."""
        return rows[:, self._places[counter]].view(np.float32)


class ProfileTable:
    """The attributes of one view: numbers (NaN unknown), words and lists of words as codes (0 unknown)."""

    def __init__(
        self,
        view: ProfileView,
        index: Vocabulary | Combinations,
        table: EntityTable,
        first: int,
        words: Mapping[str, Vocabulary],
    ) -> None:
        self.view, self.index, self.table, self.words = view, index, table, words
        self.places: dict[str, slice] = {}
        place = first + 1
        for name, (kind, _) in view.fields.items():
            self.places[name] = slice(place, place + (2 if kind in DOUBLES else 1))
            place = self.places[name].stop
        self.span = slice(first, place)

    @staticmethod
    def width(view: ProfileView) -> int:
        """Words a row."""
        return 1 + sum(2 if kind in DOUBLES else 1 for kind, _ in view.fields.values())

    @property
    def known(self) -> NDArray[np.bool_]:
        """(rows,) whether each entity is described."""
        return self.table.known[: len(self.index)]

    def written(self, records: Packed) -> RowWords:
        """What records say, as words; new words get codes."""
        first = self.span.start
        words = np.empty((len(records.keys), self.span.stop - first), dtype=np.uint32)
        words[:, 0] = _seconds(records)
        for name, place in self.places.items():
            words[:, place.start - first : place.stop - first] = self._column(name, records.column(name))
        return words

    def gather(self, field: str, codes: Codes) -> NDArray[Any]:
        """One attribute of some entities: numbers, or codes."""
        return self.reader(field, self.span.start)(self.table.gather(codes, self.span))

    def reader(self, field: str, first: int = 0) -> Reader:
        """A function that reads the same from rows that begin with word `first`."""
        place = self.places[field]
        at, begin, end = self.span.start - first, place.start - first, place.stop - first

        def numbers(rows: RowWords) -> NDArray[Any]:
            words = rows[:, begin:end]
            values = words.view(np.float32)[:, 0] if begin + 1 == end else words.copy().view(np.float64)[:, 0]
            return np.where(rows[:, at] == 0, np.nan, values)

        return (lambda rows: rows[:, begin].view(np.int32)) if field in self.words else numbers

    def _column(self, name: str, column: NDArray[Any]) -> RowWords:
        place, vocabulary = self.places[name], self.words.get(name)
        if vocabulary is not None:
            words = column.tolist()
            return vocabulary.codes(list(map(_hashable, words)) if vocabulary.lists else words).view(np.uint32)[:, None]
        kind = np.float32 if place.stop - place.start == 1 else np.float64
        return column.astype(kind).view(np.uint32).reshape(len(column), -1)


def _counters(words: RowWords) -> tuple[Float32s, Seconds]:
    at = np.empty(len(words))
    _published(words, at)
    return words[:, 1:].view(np.float32), at


@loop("int64(read(uint32[:, :]), float64[:])")
def _published(words: RowWords, at: Seconds) -> int:
    """When each row's record was published, NaN where there is none."""
    for row in range(len(at)):
        at[row] = float(words[row, 0]) if words[row, 0] > 0 else nan
    return len(at)


def _seconds(records: Packed) -> NDArray[np.uint32]:
    at = np.clip(np.round(records.at), 1, np.iinfo(np.uint32).max)
    return np.where(records.present, at, 0).astype(np.uint32)


def _hashable(word: Any) -> Hashable:
    return tuple(word) if isinstance(word, list | np.ndarray) else word
