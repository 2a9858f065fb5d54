"""States and attributes that do not depend on who asks, in memory: dense arrays, a row an entity, row 0 unknown."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import Floats, Seconds
from feature_repo.definition import CounterView, FeatureSet, ProfileView
from feature_repo.record_layout import Packed
from serving.definition import Policy
from serving.item_block import ItemBlock
from validation.contract import unknown
from validation.errors import DefinitionError

Codes = NDArray[np.int32]
NUMBERS = {"Float32", "Float64", "Int32", "Int64", "Bool", "UnixTimestamp"}


class Vocabulary:
    """Words and their codes, counted from 1; code 0 stands for every word never met."""

    def __init__(self) -> None:
        self._codes: dict[Hashable, int] = {}
        self.words: list[Any] = [None]
        self._array: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.words)

    def code(self, word: Hashable) -> int:
        """The code of a word, new if need be; None has code 0."""
        if word is None:
            return 0
        found = self._codes.get(word)
        if found is None:
            found = self._codes[word] = len(self.words)
            self.words.append(word)
        return found

    def array(self) -> NDArray[Any]:
        """The words as an array that codes index."""
        if self._array is None or len(self._array) != len(self.words):
            self._array = np.empty(len(self.words), dtype=object)
            self._array[:] = self.words
        return self._array

    def find(self, word: Hashable) -> int:
        """The code of a word, 0 if it was never met."""
        return self._codes.get(word, 0)

    def find_all(self, words: Iterable[Hashable]) -> Codes:
        """The code of each word."""
        get = self._codes.get
        return np.array([get(word, 0) for word in words], dtype=np.int32)


class CounterTable:
    """The counters of one view."""

    def __init__(self, view: CounterView, index: Vocabulary) -> None:
        self.view, self.index = view, index
        self.half_lives: Seconds = np.array(view.half_lives)
        self.values: Floats = np.zeros((1024, len(view.counters)), dtype=np.float32)
        self.at: Seconds = np.full(1024, np.nan)

    def take(self, codes: Codes, records: Packed) -> None:
        """Take over what records say; an entity without a record has nothing counted."""
        self.at = _room(self.at, len(self.index), np.nan)
        self.values = _room(self.values, len(self.index), 0.0)
        self.values[codes] = np.nan_to_num(records.values, nan=0.0)
        self.at[codes] = records.at

    def gather(self, codes: Codes) -> tuple[Floats, Seconds]:
        """The counters of some entities and when they were published."""
        safe = np.where(codes < len(self.at), codes, 0)
        return self.values[safe], self.at[safe]


class ProfileTable:
    """The attributes of one view: numbers as float64 (NaN unknown), words and lists of words as codes (0 unknown)."""

    def __init__(self, view: ProfileView, index: Vocabulary, words: Mapping[str, Vocabulary]) -> None:
        self.view, self.index = view, index
        self.words = {
            name: words.get(name, Vocabulary()) for name, (kind, _) in view.fields.items() if kind not in NUMBERS
        }
        self.known: NDArray[np.bool_] = np.zeros(1024, dtype=np.bool_)
        self.columns: dict[str, NDArray[Any]] = {
            name: np.zeros(1024, dtype=np.int32) if name in self.words else np.full(1024, np.nan)
            for name in view.fields
        }

    def take(self, codes: Codes, records: Packed) -> None:
        """Take over what records say; an entity without a record is unknown."""
        self.known = _room(self.known, len(self.index), False)
        self.known[codes] = records.present
        for name in self.view.fields:
            column = records.column(name)
            vocabulary = self.words.get(name)
            if vocabulary is None:
                empty, taken = np.nan, column.astype(np.float64)
            else:
                empty, taken = 0, np.array([vocabulary.code(_hashable(word)) for word in column], dtype=np.int32)
            self.columns[name] = _room(self.columns[name], len(self.index), empty)
            self.columns[name][codes] = taken

    def gather_known(self, codes: Codes) -> NDArray[np.bool_]:
        """Whether some entities are described."""
        return self.known[np.where(codes < len(self.known), codes, 0)]

    def gather(self, field: str, codes: Codes) -> NDArray[Any]:
        """One attribute of some entities: numbers, or codes."""
        column = self.columns[field]
        return column[np.where(codes < len(column), codes, 0)]


class ItemStates:
    """Every view of a feature set whose keys do not hold the asker, ready to be gathered for candidates."""

    def __init__(self, features: FeatureSet, policy: Policy) -> None:
        self._policy = policy
        self.words = {key: Vocabulary() for key in features.entities}
        self.counters = {
            view.name: CounterTable(view, self.words[view.keys[0]] if len(view.keys) == 1 else Vocabulary())
            for view in features.counter_views if policy.user not in view.keys
        }  # fmt: skip
        self.profiles = {
            view.name: ProfileTable(view, self.words[view.keys[0]], self.words)
            for view in features.profile_views if policy.user not in view.keys and len(view.keys) == 1
        }  # fmt: skip
        if policy.item_view not in self.profiles:
            raise DefinitionError(f"policy {policy.name}: item view {unknown(policy.item_view, self.profiles)}")
        self.items = self.profiles[policy.item_view]

    @property
    def views(self) -> list[str]:
        """The views held here."""
        return [*self.profiles, *self.counters]

    def __len__(self) -> int:
        """How many items are known."""
        return int(self.items.known.sum())

    def take(self, view: str, records: Packed) -> None:
        """Take over what records of a view say."""
        if not len(records.keys):
            return
        table = self.profiles.get(view) or self.counters[view]
        if len(table.view.keys) == 1:
            codes = [table.index.code(key[0]) for key in records.keys]
        else:
            vocabularies = [self.words[name] for name in table.view.keys]
            codes = [
                table.index.code(tuple(v.code(part) for v, part in zip(vocabularies, key, strict=True)))
                for key in records.keys
            ]
        table.take(np.array(codes, dtype=np.int32), records)

    def gather(self, rows: Codes) -> ItemBlock:
        """All that is known of some items, gathered once for one request."""
        return ItemBlock(self, rows)

    def rows(self, items: Sequence[str]) -> Codes:
        """The row of each item, 0 for those never met."""
        return self.words[self._policy.item].find_all(items)

    def names(self, rows: Codes) -> list[str]:
        """The item of each row."""
        words = self.words[self._policy.item].words
        return [words[row] for row in rows]

    def keys_of(self, key: str, rows: Codes) -> Codes | None:
        """The code of a join key for each item: its own, or its attribute of that name; None if it has neither."""
        if key == self._policy.item:
            return rows
        return self.items.gather(key, rows) if key in self.items.words else None

    def field(self, name: str, rows: Codes) -> NDArray[Any] | None:
        """An attribute `view.field` of each item, numbers or codes; None when it is no attribute of items."""
        view, _, field = name.partition(".")
        table = self.profiles.get(view)
        codes = self.keys_of(table.view.keys[0], rows) if table else None
        return table.gather(field, codes) if table is not None and codes is not None else None

    def vocabulary(self, name: str) -> Vocabulary | None:
        """The words an attribute `view.field` has, None for numbers."""
        view, _, field = name.partition(".")
        return self.profiles[view].words.get(field) if view in self.profiles else None


def _hashable(word: Any) -> Hashable:
    return tuple(word) if isinstance(word, list | np.ndarray) else word


def _room(column: NDArray[Any], rows: int, empty: float) -> NDArray[Any]:
    """The column with room for so many rows; readers keep the old one until they look again."""
    if rows <= len(column):
        return column
    grown = np.full((max(rows, 2 * len(column)), *column.shape[1:]), empty, dtype=column.dtype)
    grown[: len(column)] = column
    return grown
