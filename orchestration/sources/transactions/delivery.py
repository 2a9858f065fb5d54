"""Transactions as landing files of fraud's tables; a fraud becomes a dispute once its label has arrived."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestration.sources import kit
from orchestration.sources.transactions.reading import Transactions
from validation.contract import Table
from validation.systems import fraud

PATTERNS = "patterns.parquet"  # in what way each payment is fraud, beside the landing: no table holds it


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was written: rows by table, and when the last label arrives."""

    rows: Mapping[str, kit.DeliveredRows]
    known_at: datetime


def deliver(transactions: Transactions, landing: Path, delay: timedelta) -> Delivered:
    """Write the landing files, as history: a label is received `delay` after its payment."""
    ids = kit.numbered("p", np.arange(len(transactions.time)), 9)
    until = transactions.last + delay + timedelta(seconds=1)
    tables = (
        (fraud.CARDS, _described(fraud.CARDS, transactions.customer, transactions.first)),
        (fraud.TERMINALS, _described(fraud.TERMINALS, transactions.terminal, transactions.first)),
        (fraud.PAYMENTS, _payments(transactions, ids)),
        (fraud.DISPUTES, _disputes(transactions, ids, delay)),
    )
    rows = kit.deliver_history(tables, landing, until)
    if transactions.scenario is not None:
        pq.write_table(pa.table({"payment_id": ids, "pattern": transactions.scenario}), landing.parent / PATTERNS)
    return Delivered(rows, until)


def read_patterns(landing: Path) -> Mapping[str, str]:
    """Payment → in what way it is fraud, where the transactions said so."""
    path = landing.parent / PATTERNS
    if not path.exists():
        return {}
    rows = pq.read_table(path)
    return dict(zip(rows["payment_id"].to_pylist(), rows["pattern"].to_pylist(), strict=True))


def _payments(transactions: Transactions, ids: pa.Array) -> pa.Table:
    count = len(ids)
    return _rows(
        fraud.PAYMENTS, count, payment_id=ids, card_id=transactions.customer, terminal_id=transactions.terminal,
        amount=transactions.amount, action=["allow"] * count, completed=[True] * count, by_lot=[False] * count,
        reasons=pa.array([[]] * count, pa.list_(pa.string())), event_time=transactions.time,
        received_at=transactions.time,
    )  # fmt: skip


def _disputes(transactions: Transactions, ids: pa.Array, delay: timedelta) -> pa.Table:
    rows = pc.fill_null(transactions.fraud, False)
    payments = ids.filter(pc.cast(rows, pa.bool_()).combine_chunks())
    at = pc.add(transactions.time.filter(rows), pa.scalar(delay, pa.duration("us")))
    return _rows(
        fraud.DISPUTES, len(payments), dispute_id=pc.binary_join_element_wise("d", payments, ""), payment_id=payments,
        card_id=transactions.customer.filter(rows), terminal_id=transactions.terminal.filter(rows),
        reason=["fraud"] * len(payments), event_time=at, received_at=at,
    )  # fmt: skip


def _described(table: Table, ids: pa.ChunkedArray, first: datetime) -> pa.Table:
    """The entities with nothing known of them but that they are there."""
    named = pc.unique(ids).drop_null()
    at = pa.array([first] * len(named), pa.timestamp("us", tz="UTC"))
    return _rows(table, len(named), **{table.key[0]: named}, event_time=at, received_at=at)


def _rows(table: Table, count: int, **columns: object) -> pa.Table:
    """Rows in the table's schema; columns that are not given are null."""
    absent = {
        name: pa.nulls(count, table.schema.field(name).type) for name in table.schema.names if name not in columns
    }
    every = {**columns, **absent}
    return pa.table({name: every[name] for name in table.schema.names}, schema=table.schema)
