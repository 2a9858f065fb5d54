"""How the batches of some days stand today: what was received, and what of it still waits in quarantine."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from infra.lake import Lake, opened
from validation.batches import ledger, quarantine
from validation.batches.accepted import AcceptedRows
from validation.batches.ledger import Ledger
from validation.contract import Table
from validation.files import delivered_from_lines

AT_ONCE = 20_000  # quarantined rows that are read again together


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """Rows received, rows that wait, refused batches of which any row waits, and the days on which those arrived."""

    received: int
    waiting: int
    refused: int
    since: tuple[date, ...]

    @property
    def share(self) -> float:
        """The share of received rows that waits; 0 where nothing was received."""
        return self.waiting / self.received if self.received else 0.0


def standing(lake: Lake, tables: Iterable[Table], first: date, last: date) -> BatchStatus:
    """How the batches stand that brought rows of these days of receipt, both included.

    A row waits until it is replayed or discarded, or until a row of the same identity was accepted: whoever delivers a
    file right at the second try has mended the first.
    """
    lines = [x for x in ledger.read_ledger(lake, since=first) if x.kind == "ingest" and _within(x, first, last)]
    refused = {(line.table, line.batch) for line in lines if line.refused}
    waits: Counter[tuple[str, str]] = Counter()
    since: set[date] = set()
    for table in tables:
        batches = {line.batch for line in lines if line.table == table.name and line.quarantined}
        for day, batch, rows in _waiting(lake, table, batches, first):
            waits[table.name, batch] += rows
            since.add(day)
    received = sum(line.accepted + line.quarantined for line in lines)
    return BatchStatus(received, waits.total(), len(refused & set(waits)), tuple(sorted(since)))


def _within(line: Ledger, first: date, last: date) -> bool:
    """Whether a batch brought rows of these days; lines from before spans were noted tell their accepted rows' days."""
    days = line.span or line.days or (line.received_at.date(),)
    return min(days) <= last and max(days) >= first


def _waiting(lake: Lake, table: Table, batches: set[str], first: date) -> Iterator[tuple[date, str, int]]:
    """By day of arrival and batch, how many rows of these batches wait; none has arrived before its rows' days."""
    folder = quarantine.quarantine_folder(table.name)
    where = ds.field("batch").isin(sorted(batches))
    for day in [day for day in lake.days(folder) if batches and day >= first]:
        found = opened(lake.files(folder, [day]), quarantine.SCHEMA)
        for some in found.to_batches(columns=["batch", "raw"], filter=where, batch_size=AT_ONCE):
            left = some.filter(pa.array(~_settled(lake, table, some["raw"].to_pylist())))
            for batch, rows in Counter(left["batch"].to_pylist()).items():
                yield day, batch, rows


def _settled(lake: Lake, table: Table, raws: list[bytes]) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Whether a row of the same identity was accepted; of a row whose identity cannot be read nobody knows."""
    settled = np.zeros(len(raws), dtype=bool)
    if not raws:
        return settled
    rows = delivered_from_lines(table, raws).rows.select(table.identity)
    told = np.flatnonzero(np.logical_and.reduce([column.is_valid().to_numpy() for column in rows.columns]))
    settled[told] = AcceptedRows(lake, table).known(rows.take(told))
    return settled
