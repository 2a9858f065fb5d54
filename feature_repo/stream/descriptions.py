"""Descriptions of entities in the stream's state: the first, from which events borrow, and the newest."""

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
class DescribedEntities:
    """The entities that a table describes, by `keys`; `name` is their name in the state."""

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

    def of(self, table: str, keys: tuple[str, ...]) -> DescribedEntities:
        """The entities with these keys that a table describes."""
        return DescribedEntities(self._tables[table], keys)

    def of_table(self, table: str) -> Iterator[DescribedEntities]:
        """The kinds of entities that rows of a table describe."""
        by_lookup = {self.of(table, (lookup.on,)) for lookup in self._features.lookups if lookup.table == table}
        yield from by_lookup | {self.of(table, v.keys) for v in self._features.profile_views if v.table == table}

    def take(self, described: DescribedEntities, rows: pa.Table) -> tuple[list[str], pa.Table]:
        """Store descriptions; returns the keys of their entities, and the rows with the newest ones before them."""
        table = described.table
        rows = keyed(rows, described.keys)
        keys = sorted(set(keys_of(rows, described.keys)))
        stored = self._state.described(described.name, keys)
        firsts = unpacked(table.schema, [row[2] for row in stored])
        newest = unpacked(table.schema, [row[3] for row in stored])
        all_rows = pa.concat_tables([firsts, newest, rows])
        order = pd.DataFrame({
            "key": keys_of(all_rows, described.keys),
            "received": all_rows[table.received_time].cast(pa.int64()).to_numpy(),
            "event": all_rows[table.event_time].cast(pa.int64()).to_numpy(),
        })  # fmt: skip
        first = order.sort_values(["received", "event"], kind="stable").drop_duplicates("key").sort_values("key")
        last = order.sort_values(["event", "received"], kind="stable").drop_duplicates("key", keep="last")
        last = last.sort_values("key")
        as_bytes = [packed(table.schema, all_rows.take(pa.array(frame.index))) for frame in (first, last)]
        self._state.describe(described.name, zip(first["key"], first["received"].tolist(), *as_bytes, strict=True))
        return keys, pa.concat_tables([newest, rows])

    def first(self, described: DescribedEntities, keys: Sequence[str]) -> dict[str, bytes]:
        """Key → first description, packed, of those of these entities that have one."""
        return {row[0]: row[2] for row in self._state.described(described.name, keys)}


def keys_of(rows: pa.Table, keys: tuple[str, ...]) -> list[str]:
    """The joined keys of rows."""
    return [joined(key) for key in zip(*(rows[name].to_pylist() for name in keys), strict=True)]


def keyed(rows: pa.Table, keys: tuple[str, ...]) -> pa.Table:
    """The rows in which no key is null."""
    for name in keys:
        rows = rows.filter(rows[name].is_valid())
    return rows
