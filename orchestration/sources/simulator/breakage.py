"""Rows that arrive unreadable or untrue: each kind breaks one promise of the table's contract."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from validation.contract import Table

RawRow = dict[str, Any]
MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"


def torn(_table: Table, row: RawRow) -> bytes:
    """The connection broke: half a line."""
    line = line_of(row)
    return line[: len(line) // 2]


def wrong_type(table: Table, row: RawRow) -> bytes:
    """A number was asked for and a word came."""
    column = next((c for c in table.columns if c.dtype in {"float32", "int32"}), table.column(table.event_time))
    return line_of({**row, column.name: "a while"})


def keyless(table: Table, row: RawRow) -> bytes:
    """The row does not say which thing it is about."""
    return line_of({name: value for name, value in row.items() if name != table.key[0]})


def before_event(table: Table, row: RawRow) -> bytes:
    """A clock is wrong: known an hour before it happened."""
    happened = datetime.strptime(row[table.event_time], MOMENT)
    return line_of({**row, table.received_time: (happened - timedelta(hours=1)).strftime(MOMENT)})


def unknown_word(table: Table, row: RawRow) -> bytes:
    """A word that the contract does not list."""
    column = next((c for c in table.columns if c.one_of), table.columns[0])
    return line_of({**row, column.name: "superlike"})


def out_of_range(table: Table, row: RawRow) -> bytes:
    """A negative length, a negative watch, a place above the top."""
    column = next((c for c in table.columns if c.low is not None), None)
    return line_of({**row, column.name: -5}) if column else before_event(table, row)


KINDS: tuple[Callable[[Table, RawRow], bytes], ...] = (
    torn,
    wrong_type,
    keyless,
    before_event,
    unknown_word,
    out_of_range,
)


def broken_line(kind: int, table: Table, row: RawRow) -> bytes:
    """A row broken in one of the ways, which take turns."""
    return KINDS[kind % len(KINDS)](table, row)


def line_of(row: RawRow) -> bytes:
    """One row as a line of JSON, without the line's end."""
    return msgspec.json.encode(row)
