"""Rows that refer to a row in quarantine: once that one is mended, the reference is complete."""

from collections.abc import Mapping
from datetime import date

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from infra.lake import Lake
from orchestration.batch_report import mending
from validation.batches import Ledger, quarantine_folder, read_quarantine
from validation.contract import Table
from validation.files import Delivered


def waiting_references(lake: Lake, table: Table, delivered: Delivered, line: Ledger) -> list[str]:
    """A sentence for each column that names, in some rows, an id that waits in quarantine of the table it refers to."""
    sentences = []
    for column in table.columns:
        if column.refers_to and line.unknown.get(column.name):
            named, waiting = delivered.rows[column.name].drop_null(), _waiting(lake, column.refers_to, column.name)
            values = _unknown(lake, column.refers_to, column.name, pc.unique(named), waiting)
            if len(values):
                share = pc.mean(pc.is_in(named, values).cast(pa.int8())).as_py()
                first, _ = mending(column.refers_to, max(waiting[value] for value in values.to_pylist()))
                what = f"{share:.1%} of {table.name} name a `{column.name}` that waits in quarantine"
                sentences.append(f"{what} of {column.refers_to}. Mend that first:\n    {first}")
    return sentences


def _unknown(lake: Lake, table: str, column: str, named: pa.Array, waiting: Mapping[str, date]) -> pa.Array:
    """Which of the values named wait in quarantine, and are not known by another row of the table."""
    values = named.filter(pc.is_in(named, pa.array(sorted(waiting), named.type)))
    accepted = (
        lake.read(f"tables/{table}", None, [column], ds.field(column).isin(values)) if len(values) else pa.table({})
    )
    return (
        values.filter(pc.invert(pc.is_in(values, accepted[column].combine_chunks())))
        if accepted.num_columns
        else values
    )


def _waiting(lake: Lake, table: str, column: str) -> dict[str, date]:
    """The values of a column in the rows of a table that wait in quarantine, each with the day it came."""
    days_by_value: dict[str, date] = {}
    for day in lake.days(quarantine_folder(table)):
        for raw in (raw for some in read_quarantine(lake, table, day, ["raw"]) for raw in some["raw"].to_pylist()):
            try:
                row: Mapping[str, object] = msgspec.json.decode(raw)
                value = row.get(column)
            except (ValueError, RecursionError, AttributeError):
                continue
            days_by_value |= {value: day} if isinstance(value, str) else {}
    return days_by_value
