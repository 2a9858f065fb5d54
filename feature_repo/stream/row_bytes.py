"""Rows of a table as bytes, one piece for each row, and back: for rows that are stored until later."""

from collections.abc import Sequence

import msgspec
import pyarrow as pa

from validation.contract import Table

_PACK, _UNPACK = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode


def packed(table: Table, rows: pa.Table) -> list[bytes]:
    """Each row as MessagePack of its values in the table's order; moments are µs since the epoch."""
    columns = [rows[name].cast(_plain(kind)).to_pylist() for name, kind in _columns(table)]
    return [_PACK(row) for row in zip(*columns, strict=True)]


def unpacked(table: Table, rows: Sequence[bytes]) -> pa.Table:
    """The rows, in the table's schema."""
    values = zip(*map(_UNPACK, rows), strict=True) if rows else [()] * len(table.columns)
    cells = zip(values, _columns(table), strict=True)
    return pa.table([pa.array(list(v), _plain(kind)).cast(kind) for v, (_, kind) in cells], schema=table.schema)


def _columns(table: Table) -> list[tuple[str, pa.DataType]]:
    return [(field.name, field.type) for field in table.schema]


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.int64() if pa.types.is_timestamp(kind) else kind
