"""The batches of some days as they are today: rows received, and rows that still wait in quarantine."""

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


def status_of_days(lake: Lake, tables: Iterable[Table], first: date, last: date) -> BatchStatus:
    """The status today of the batches that brought rows of these days of receipt, both included.

    A row waits until it is replayed or discarded, or until a row of the same identity was accepted: a corrected file
    that is delivered again settles the rows of the first.
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
    """Whether a batch brought rows of these days; older lines have no span, only the days of their accepted rows."""
    days = line.span or line.days or (line.received_at.date(),)
    return min(days) <= last and max(days) >= first


def _waiting(lake: Lake, table: Table, batches: set[str], first: date) -> Iterator[tuple[date, str, int]]:
    """Day of arrival, batch and number of waiting rows; no row arrives before the day on which it was received."""
    folder = quarantine.quarantine_folder(table.name)
    where = ds.field("batch").isin(sorted(batches))
    for day in [day for day in lake.days(folder) if batches and day >= first]:
        rows = opened(lake.files(folder, [day]), quarantine.SCHEMA)
        for batch_rows in rows.to_batches(columns=["batch", "raw"], filter=where, batch_size=AT_ONCE):
            still_waiting = batch_rows.filter(pa.array(~_settled(lake, table, batch_rows["raw"].to_pylist())))
            for batch, count in Counter(still_waiting["batch"].to_pylist()).items():
                yield day, batch, count


def _settled(lake: Lake, table: Table, raws: list[bytes]) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """(raws,) whether a row of the same identity was accepted; false where the identity cannot be read."""
    settled = np.zeros(len(raws), dtype=bool)
    if not raws:
        return settled
    rows = delivered_from_lines(table, raws).rows.select(table.identity)
    readable = np.flatnonzero(np.logical_and.reduce([column.is_valid().to_numpy() for column in rows.columns]))
    settled[readable] = AcceptedRows(lake, table).are_accepted(rows.take(readable))
    return settled
