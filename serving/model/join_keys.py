"""The codes that a view's states are looked up by."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from serving.definition import ServicePolicy
from serving.items import Codes, ItemBlock, ItemStates


class JoinKeys:
    """Some keys of a view, and where each comes from: it is the item, an attribute of it, or one of the asker."""

    def __init__(self, states: ItemStates, service: ServicePolicy, keys: Sequence[str]) -> None:
        own = {key: f"{service.item_view}.{key}" for key in keys if key in states.items.words}
        self._keys = [(key, service.item if key == service.item else own.get(key)) for key in keys]
        self._item, self._vocabularies = service.item, {key: states.words[key] for key in keys}
        of_items = [key for key, field in self._keys if field is not None]
        self._words = self._vocabularies[of_items[0]] if len(of_items) == 1 else None
        self._of_items = bool(of_items)

    def of_asker(self, asker: Mapping[str, Any]) -> tuple[int, ...]:
        """The codes of the asker's attributes among the keys."""
        return tuple([self._vocabularies[key].find(asker.get(key)) for key, field in self._keys if field is None])

    @property
    def known_words(self) -> int:
        """How many words there are for the items' only key."""
        return 0 if self._words is None else len(self._words)

    def words(self, block: ItemBlock) -> Codes | None:
        """The code of each item's word for their only key; None when there are more words than items, or more keys."""
        if self._words is None or len(self._words) > len(block.rows):
            return None
        return next(self._of(field, block) for _, field in self._keys if field is not None)

    def of_words(self, asker_codes: Sequence[int]) -> list[Codes]:
        """A column of codes for each key, with an entry for each of those words."""
        each = np.arange(self.known_words, dtype=np.int32)
        return self._columns(asker_codes, len(each), lambda _: each)

    def of_items(self, asker_codes: Sequence[int], block: ItemBlock) -> list[Codes]:
        """A column of codes for each key, with an entry for each item; a single entry where no key is the items'."""
        entries = len(block.rows) if self._of_items else 1
        return self._columns(asker_codes, entries, lambda field: self._of(field, block))

    def _columns(self, asker_codes: Sequence[int], entries: int, own: Callable[[str], Codes]) -> list[Codes]:
        codes = iter(asker_codes)
        return [
            np.full(entries, next(codes), dtype=np.int32) if field is None else own(field) for _, field in self._keys
        ]

    def _of(self, field: str, block: ItemBlock) -> Codes:
        codes = block.rows if field == self._item else block.field(field)
        assert codes is not None, "a key of the items has a word for each"
        return codes
