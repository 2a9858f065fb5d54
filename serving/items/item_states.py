"""States and attributes that do not depend on who asks, in memory that all processes of a machine share.

A row an entity, row 0 unknown. The arrays are files in a folder named for their layout: another layout, another folder.
"""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from feature_repo.definition import CounterView, FeatureSet, ProfileView
from feature_repo.records import BLOOM_BITS, BLOOM_BYTES, Packed, layouts
from infra.errors import DefinitionError
from serving import metrics
from serving.definition import ServicePolicy
from serving.items.combinations import Combinations
from serving.items.entity_table import EntityTable, RowWords
from serving.items.item_block import ItemBlock
from serving.items.item_views import NUMBERS, CounterTable, ProfileTable, Reader
from serving.items.mark_index import Codes
from serving.items.shared_arrays import SharedArrays
from serving.items.vocabulary import Vocabulary
from validation.contract import unknown

__all__ = ["NUMBERS", "Codes", "ItemBlock", "ItemStates", "Vocabulary"]

CAPACITY = 1 << 23  # where no installation sets one; the files are sparse, and cost only what is written
FORMAT = 1  # of the files: counted up when what is written into them changes
ITEMS, FRESH, LOOKED = 0, 1, 2


class ItemStates:
    """Every view of a feature set whose keys do not hold the asker, ready to be gathered for candidates.

    `readers` says how each attribute `view.field` of an item is read from rows of their table. `ever` has the Bloom
    filter of each counter that the features name in `ever_done`: all that any asker ever did. `folder` is where the
    arrays are shared, None keeps them to this process; `capacity` how many items there is room for, and as many of
    anything else.
    """

    def __init__(
        self, features: FeatureSet, service: ServicePolicy, folder: Path | None = None, capacity: int = CAPACITY
    ) -> None:
        self._service, self.capacity = service, capacity
        counters = [view for view in features.counter_views if service.user not in view.keys]
        profiles = [v for v in features.profile_views if service.user not in v.keys and len(v.keys) == 1]
        if service.item_view not in (views := [view.name for view in profiles]):
            raise DefinitionError(f"policy {service.name}: item view {unknown(service.item_view, views)}")
        self.arrays = SharedArrays(folder / _digest(features, service, capacity) if folder else None)
        self._head = self.arrays.open("head", np.float64, 3).values
        apart = SharedArrays(self.arrays.folder)  # a disk without room for these does not make states old
        named = {name: f"ever-{name}-{BLOOM_BITS}" for name in features.ever_done}
        self.ever = {name: apart.open(file, np.uint8, BLOOM_BYTES) for name, file in named.items()}
        self.words = {key: self._vocabulary(f"key-{key}") for key in features.entities if key != service.user}
        self.counters: dict[str, CounterTable] = {}
        self.profiles: dict[str, ProfileTable] = {}
        for keys in dict.fromkeys([*(view.keys for view in profiles), *(view.keys for view in counters)]):
            self._lay_out(keys, [v for v in profiles if v.keys == keys], [v for v in counters if v.keys == keys])
        self.item_words, self.items = self.words[service.item], self.profiles[service.item_view]
        self._of_field = {f"{name}.{field}": of for name, v in self.profiles.items() for field, of in v.words.items()}
        self.readers: dict[str, Reader] = {
            f"{name}.{field}": view.reader(field)
            for name, view in self.profiles.items() if view.table is self.items.table for field in view.places
        }  # fmt: skip

    @property
    def views(self) -> list[str]:
        """The views in memory."""
        return [*self.profiles, *self.counters]

    @property
    def fresh(self) -> float:
        """The last moment, in seconds since the epoch, at which all of this was what Redis held; 0 if never."""
        return float(self._head[FRESH])

    def age(self, now: float) -> float:
        """Seconds since then, infinite if never; `now` is the machine's own time, never a replayed one."""
        return max(now - self.fresh, 0.0) if self.fresh else math.inf

    @property
    def looked(self) -> bool:
        """Whether the process that writes has tried to read Redis, with or without success."""
        return bool(self._head[LOOKED])

    @looked.setter
    def looked(self, value: bool) -> None:
        self._head[LOOKED] = value

    def __len__(self) -> int:
        """How many items are known."""
        return int(self._head[ITEMS])

    def gather(self, rows: Codes) -> ItemBlock:
        """All that is known of some items, gathered once for one request."""
        return ItemBlock(self, rows, self.items.table.gather(rows))

    def rows(self, items: Sequence[str]) -> Codes:
        """The row of each item, 0 for those never met."""
        return self.item_words.find_all(items)

    def names(self, rows: Codes) -> list[Any]:
        """The item of each row, None for row 0."""
        return self.item_words.words_of(rows)

    def keys_of(self, key: str, rows: Codes) -> Codes | None:
        """The code of a join key for each item: its own, or its attribute of that name; None if it has neither."""
        if key == self._service.item:
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
        return self._of_field.get(name)

    def take(self, view: str, records: Packed) -> Codes:
        """Take over what records of a view say, and the rows of them; only the one process that writes may.

        An entity without a record is forgotten; one that there is no room for is counted and left out.
        """
        table, rows = self._table(view), self._rows_of(view, records)
        _, last = np.unique(rows[::-1], return_index=True)  # of two records of one entity the later counts
        last = len(rows) - 1 - last
        taken = self._write(table, rows[last], table.written(records)[last], records.present[last])
        missing = records.present & ~np.isin(rows, taken)
        if missing.any():
            metrics.NO_ROOM.labels(view).inc(int(missing.sum()))
        return taken

    def rows_with_record(self, view: str) -> Codes:
        """The rows of the entities that a view has a record of."""
        table = self._table(view)
        return np.flatnonzero(table.table.column(table.span.start)[: len(table.index)]).astype(np.int32)

    def forget(self, view: str, rows: Codes) -> None:
        """Take over that some entities have no record any more."""
        table = self._table(view)
        nothing = np.zeros((len(rows), table.span.stop - table.span.start), dtype=np.uint32)
        self._write(table, rows, nothing, np.zeros(len(rows), dtype=np.bool_))

    def recount(self) -> None:
        """Count the items anew: a writer that died may have been between a row and its count."""
        self._head[ITEMS] = np.count_nonzero(self.items.known)

    def note_fresh(self, at: float) -> None:
        """Note a moment at which all of this was what Redis held."""
        self._head[FRESH] = at

    def _table(self, view: str) -> CounterTable | ProfileTable:
        return self.profiles.get(view) or self.counters[view]

    def _rows_of(self, view: str, records: Packed) -> Codes:
        index, present = self._table(view).index, records.present
        rows = np.zeros(len(present), dtype=np.int32)
        for chosen, look_up in ((present, index.rows_of), (~present, index.find_keys)):
            if chosen.any():
                rows[chosen] = look_up([records.keys[i] for i in np.flatnonzero(chosen).tolist()])
        return rows

    def _write(
        self, table: CounterTable | ProfileTable, rows: Codes, words: RowWords, known: NDArray[np.bool_]
    ) -> Codes:  # fmt: skip
        if table is not self.items:
            return table.table.write(rows, table.span, words)
        before = np.count_nonzero(table.known[rows])
        taken = table.table.write(rows, table.span, words, known)
        self._head[ITEMS] += np.count_nonzero(table.known[rows]) - before
        return taken

    def _vocabulary(self, name: str, *, lists: bool = False) -> Vocabulary:
        return Vocabulary(self.arrays, name, self.capacity, lists=lists)

    def _lay_out(
        self, keys: tuple[str, ...], profiles: Sequence[ProfileView], counters: Sequence[CounterView]
    ) -> None:  # fmt: skip
        """One row an entity: its state, its attributes, its counters."""
        name = "-".join(keys)
        parts = [self.words[key] for key in keys]
        index = parts[0] if len(parts) == 1 else Combinations(self.arrays, f"keys-{name}", self.capacity, parts)
        width = 1 + sum(map(ProfileTable.width, profiles)) + sum(map(CounterTable.width, counters))
        table, place = EntityTable(self.arrays, name, self.capacity, width), 1
        for profile in profiles:
            self.profiles[profile.name] = ProfileTable(profile, index, table, place, self._vocabularies(profile))
            place += ProfileTable.width(profile)
        for view in counters:
            self.counters[view.name] = CounterTable(view, index, table, place)
            place += CounterTable.width(view)

    def _vocabularies(self, view: ProfileView) -> dict[str, Vocabulary]:
        """The vocabulary of each attribute that is no number; one that is a key shares the key's."""
        return {
            field: self.words.get(field)
            or self._vocabulary(f"field-{view.name}.{field}", lists=kind.startswith("Array"))
            for field, (kind, _) in view.fields.items() if kind not in NUMBERS
        }  # fmt: skip


def _digest(features: FeatureSet, service: ServicePolicy, capacity: int) -> str:
    """A name that changes whenever the files would have to be read differently."""
    views = [(name, layout.digest.hex()) for name, layout in sorted(layouts(features).items())]
    text = msgspec.json.encode([FORMAT, capacity, service.user, service.item, service.item_view, views])
    return hashlib.sha256(text).hexdigest()[:16]
