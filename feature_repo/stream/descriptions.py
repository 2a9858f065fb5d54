"""What the stream knows of entities: their first description, which events borrow from, and their newest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from feature_repo.definition import FeatureSet
from feature_repo.records import joined
from feature_repo.stream.row_bytes import packed, unpacked
from feature_repo.stream.stream_state import StreamState
from validation.contract import Table


@dataclass(frozen=True, slots=True)
class Described:
    """A table by whose `keys` something is looked up or published; `name` is what the state files it under."""

    table: Table
    keys: tuple[str, ...]

    @property
    def name(self) -> str:
        """Table and keys."""
        return f"{self.table.name} by {', '.join(self.keys)}"


class Descriptions:
    """The descriptions in a stream's state."""

    def __init__(self, features: FeatureSet, tables: Mapping[str, Table], state: StreamState) -> None:
        self._features, self._tables, self._state = features, tables, state

    def of(self, table: str, keys: tuple[str, ...]) -> Described:
        """The description of the entities with these keys by a table."""
        return Described(self._tables[table], keys)

    def kept(self, table: str) -> Iterator[Described]:
        """The descriptions that rows of a table are kept as."""
        by_lookup = {self.of(table, (lookup.on,)) for lookup in self._features.lookups if lookup.table == table}
        yield from by_lookup | {self.of(table, v.keys) for v in self._features.profile_views if v.table == table}

    def take(self, described: Described, rows: pa.Table) -> tuple[list[str], pa.Table]:
        """Take up rows; the keys of the entities in them, and the rows together with the newest before them."""
        table = described.table
        rows = keyed(rows, described.keys)
        keys = sorted(set(keys_of(rows, described.keys)))
        found = self._state.described(described.name, keys)
        firsts = unpacked(table, [row[2] for row in found])
        newest = unpacked(table, [row[3] for row in found])
        every = pa.concat_tables([firsts, newest, rows])
        order = pd.DataFrame({
            "key": keys_of(every, described.keys),
            "received": every[table.received_time].cast(pa.int64()).to_numpy(),
            "event": every[table.event_time].cast(pa.int64()).to_numpy(),
        })  # fmt: skip
        first = order.sort_values(["received", "event"], kind="stable").drop_duplicates("key").sort_values("key")
        last = order.sort_values(["event", "received"], kind="stable").drop_duplicates("key", keep="last")
        last = last.sort_values("key")
        as_bytes = [packed(table, every.take(pa.array(frame.index))) for frame in (first, last)]
        self._state.describe(described.name, zip(first["key"], first["received"].tolist(), *as_bytes, strict=True))
        return keys, pa.concat_tables([newest, rows])

    def first(self, described: Described, keys: Sequence[str]) -> dict[str, bytes]:
        """The first descriptions, packed, of those of these entities that have any."""
        return {row[0]: row[2] for row in self._state.described(described.name, keys)}


def keys_of(rows: pa.Table, keys: tuple[str, ...]) -> list[str]:
    """The joined keys of rows."""
    return [joined(key) for key in zip(*(rows[name].to_pylist() for name in keys), strict=True)]


def keyed(rows: pa.Table, keys: tuple[str, ...]) -> pa.Table:
    """The rows that lack none of the keys."""
    for name in keys:
        rows = rows.filter(rows[name].is_valid())
    return rows
