"""Of rows with one identity the one that was received first counts, whichever delivery comes first.

So what a table holds does not depend on the order, the cut or the repetition of deliveries.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from infra.arrays import Bools, Int64s
from validation.batches.accepted import AcceptedRows
from validation.batches.chosen import Chosen, those
from validation.batches.digests import Digests, SoughtRows, digests
from validation.contract import Table

TIES = "0f1e2d3c4b5a6978"  # the same key in every process: which of two rows counts must not depend on who looks


def in_order_of_receipt(table: Table, rows: pa.Table, places: Int64s) -> Int64s:
    """(places,) which of those rows counts before which: the one received first; of equal ones, a digest decides.

    In a table that quarantines what comes again with other content, the one that stands first.
    """
    order = np.arange(len(places))
    if table.differing == "count":
        alike = rows.take(pa.array(places))
        order = np.lexsort((_content(table, alike), _micros(alike, table)))
    ranks = np.empty(len(places), dtype=np.int64)
    ranks[order] = np.arange(len(places))
    return ranks


def received_earlier(in_lake: Chosen, differs: Bools, accepted_before: AcceptedRows) -> Bools:
    """(rows,) which rows were received earlier than the accepted ones of the same identity, which they replace.

    in_lake  the rows of a batch whose identity the lake has, one an identity
    differs  (rows,) which rows have other content than those before them
    """
    table, earlier = accepted_before.table, np.zeros(len(in_lake.wanted), dtype=bool)
    wanted = in_lake.wanted if table.differing == "count" else in_lake.wanted & ~differs
    if not wanted.any():
        return earlier
    sought, received = SoughtRows.of(in_lake.rows, table.identity, wanted), _micros(in_lake.rows, table)
    ties = bool((wanted & differs).any())
    columns = table.schema.names if ties else [*table.identity, table.received_time]
    for file in sorted(accepted_before.matched_files):
        for part in accepted_before.parts(file, columns):
            mine, theirs = sought.matches(part)
            accepted = _micros(part, table)[theirs]
            earlier[mine] |= received[mine] < accepted
            tied = differs[mine] & (received[mine] == accepted)
            if tied.any():
                new, old = in_lake.rows.take(pa.array(mine[tied])), part.take(pa.array(theirs[tied]))
                earlier[mine[tied]] |= _content(table, new) < _content(table, old)
    return earlier


@dataclass(frozen=True, slots=True)
class DayWithout:
    """A day of a table without the rows that are replaced."""

    day: date
    files: tuple[Path, ...]
    replaced: SoughtRows
    accepted_before: AcceptedRows

    def parts(self) -> Iterator[pa.Table]:
        """The rows that are left, in parts."""
        schema = self.accepted_before.table.schema
        for file in self.files:
            for part in self.accepted_before.parts(file, schema.names):
                stays = np.ones(part.num_rows, dtype=bool)
                stays[self.replaced.matches(part)[1]] = False
                if stays.any():
                    yield those(part, stays).cast(schema)

    def rows(self) -> int:
        """How many rows are left."""
        return sum(self._left(file) for file in self.files)

    def _left(self, file: Path) -> int:
        identities = self.accepted_before.parts(file, self.accepted_before.table.identity)
        return sum(part.num_rows - len(self.replaced.matches(part)[1]) for part in identities)


def days_without(earlier: Chosen, accepted_before: AcceptedRows) -> list[DayWithout]:
    """The days that hold rows which are replaced by `earlier` ones, without those rows."""
    table, lake = accepted_before.table, accepted_before.lake
    replaced = SoughtRows.of(earlier.rows, table.identity, earlier.wanted)
    days = {
        _day(file)
        for file in accepted_before.matched_files
        for part in accepted_before.parts(file, table.identity)
        if len(replaced.matches(part)[0])
    }
    name = f"tables/{table.name}"
    return [DayWithout(day, tuple(lake.files(name, [day])), replaced, accepted_before) for day in sorted(days)]


def _day(file: Path) -> date:
    return date.fromisoformat(file.parent.name.removeprefix("day="))


def _content(table: Table, rows: pa.Table) -> Digests:
    names = [column.name for column in table.columns if column.name != table.received_time]
    return digests(rows, names, key=TIES)


def _micros(rows: pa.Table, table: Table) -> Int64s:
    """When each row was received, in µs; 0 where a broken row does not tell."""
    moments = rows[table.received_time].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    return np.asarray(moments.fill_null(0).to_numpy())
