"""People in a table's rows: whose rows they are, what else names them, and deliveries without the erased ones."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from infra.arrays import Bools
from infra.lake import Lake, in_parts
from infra.tombstones import Tombstones, erasures_beside, read_tombstones
from validation.contract import Table
from validation.files import Delivered, Flaws, names_anyone

AT_ONCE = 10_000  # rows that cannot be read whose bytes are in memory together


def without_people(table: Table, delivered: Delivered, people: Container[str]) -> Delivered:
    """A delivery without the rows about these people, which it counts as erased.

    A row that cannot be read, or that says nobody, is about everybody it has among its words.
    """
    about = rows_about(table, delivered, people)
    if not about.any():
        return delivered
    stays = np.flatnonzero(~about)
    places = {int(row): place for place, row in enumerate(stays)}
    return replace(
        delivered,
        rows=delivered.rows.take(pa.array(stays)),
        faults=Flaws({places[row]: delivered.faults[row] for row in delivered.faults if row in places}),
        raws=lambda rows: delivered.raws([int(stays[row]) for row in rows]),
        erased=int(about.sum()),
    )


def rows_about(table: Table, delivered: Delivered, people: Container[str]) -> Bools:
    """(rows,) whether each row of a delivery is about one of these people."""
    if table.person is None or not people:
        return np.zeros(len(delivered), dtype=bool)
    about = says(delivered.rows[table.person], people)
    silent = [row for row in delivered.faults if delivered.rows[table.person][row].as_py() is None]
    for start in range(0, len(silent), AT_ONCE):
        rows = silent[start : start + AT_ONCE]
        about[rows] = [names_anyone(raw, people) for raw in delivered.raws(rows)]
    return about


def erased_people(lake: Lake) -> Tombstones:
    """Who was erased. Read it while the table is locked, so that an erasure finds all that was taken before it."""
    return read_tombstones(erasures_beside(lake.root))


@dataclass(frozen=True, slots=True)
class Footprint:
    """What else names a person: the keys of their rows, such as the ids of their events, and their first day."""

    keys: frozenset[str] = frozenset()
    first_day: date | None = None

    def __or__(self, other: "Footprint") -> "Footprint":
        days = [day for day in (self.first_day, other.first_day) if day is not None]
        return Footprint(self.keys | other.keys, min(days, default=None))


def footprint(lake: Lake, table: Table, people: Iterable[str]) -> Footprint:
    """The footprint of people in a table: keys that refer to something else, such as an item, are not theirs."""
    own = [name for name in table.key if name != table.person and table.column(name).refers_to is None]
    files = lake.files(f"tables/{table.name}")
    if table.person is None or not files:
        return Footprint()
    of_people = ds.field(table.person).isin(pa.array(list(people), pa.string()))
    keys, first = set[str](), None
    for part in in_parts(files, table.schema, [*own, table.event_time], of_people):
        keys.update(str(key) for name in own for key in part[name].to_pylist())
        oldest = pc.min(part[table.event_time]).as_py()
        first = min([day for day in (first, oldest.date() if oldest else None) if day], default=None)
    return Footprint(frozenset(keys), first)


def says(column: pa.Array | pa.ChunkedArray, people: Container[str]) -> Bools:
    """(rows,) whether the person in the column is one of these; each person is asked for once."""
    mine = pa.array([person for person in pc.unique(column).to_pylist() if person in people], column.type)
    about: Bools = pc.is_in(column, mine).to_numpy(zero_copy_only=False).astype(bool)
    return about
