"""Rows of a schema as bytes, one piece for each row, and back: for rows that are stored until later."""

from collections.abc import Sequence

import msgspec
import pyarrow as pa

_PACK, _UNPACK = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode


def packed(schema: pa.Schema, rows: pa.Table) -> list[bytes]:
    """Each row as MessagePack of its values in the schema's order; moments are µs since the epoch."""
    columns = [rows[name].cast(_plain(kind)).to_pylist() for name, kind in _columns(schema)]
    return [_PACK(row) for row in zip(*columns, strict=True)]


def unpacked(schema: pa.Schema, rows: Sequence[bytes]) -> pa.Table:
    """The rows, in the schema."""
    values = zip(*map(_UNPACK, rows), strict=True) if rows else [()] * len(schema)
    cells = zip(values, _columns(schema), strict=True)
    return pa.table([pa.array(list(v), _plain(kind)).cast(kind) for v, (_, kind) in cells], schema=schema)


def _columns(schema: pa.Schema) -> list[tuple[str, pa.DataType]]:
    return [(field.name, field.type) for field in schema]


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.int64() if pa.types.is_timestamp(kind) else kind
