"""The codes that the states of one request's candidates are looked up by."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from feature_repo.request_time import Places
from serving.definition import Policy
from serving.item_block import ItemBlock
from serving.item_states import Codes, ItemStates


class JoinKeys:
    """Of some items and one asker: a key is the item itself, an attribute of it, or else an attribute of the asker."""

    def __init__(self, states: ItemStates, policy: Policy, block: ItemBlock, asker: Mapping[str, Any]) -> None:
        self.block = block
        self._states, self._policy, self._asker = states, policy, asker
        self._found: dict[tuple[str, ...], tuple[list[Codes], Places | None]] = {}

    def column(self, key: str) -> Codes:
        """(n,) the code that each item has for a key."""
        codes = self._column(key)
        return self._said(key, len(self.block.rows)) if codes is None else codes

    def codes(self, keys: tuple[str, ...]) -> tuple[list[Codes], Places | None]:
        """A column of codes a key, each with an entry an item, or with fewer: then the entry each item has, too."""
        if keys not in self._found:
            self._found[keys] = self._find(keys)
        return self._found[keys]

    def _find(self, keys: tuple[str, ...]) -> tuple[list[Codes], Places | None]:
        columns = {key: self._column(key) for key in keys}
        of_items = [key for key in keys if columns[key] is not None]
        entries, places = len(self.block.rows) if of_items else 1, None
        if len(of_items) == 1 and len(self._states.words[of_items[0]]) <= entries:
            (key,) = of_items  # fewer words than items: an entry a word is enough
            entries, places = len(self._states.words[key]), columns[key]
            columns[key] = np.arange(entries, dtype=np.int32)
        return [self._said(key, entries) if codes is None else codes for key, codes in columns.items()], places

    def _said(self, key: str, entries: int) -> Codes:
        return np.full(entries, self._states.words[key].find(self._asker.get(key)), dtype=np.int32)

    def _column(self, key: str) -> Codes | None:
        """The code that each item has for a key, the same array however often it is asked for."""
        if key == self._policy.item:
            return self.block.rows
        return self.block.field(f"{self._policy.item_view}.{key}") if key in self._states.items.words else None
