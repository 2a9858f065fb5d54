"""Packed records of rows in Arrow."""

from typing import TYPE_CHECKING, Any

import numpy as np

from feature_repo.records.layout import Layout, encode

if TYPE_CHECKING:
    import pyarrow as pa


def records_of(laid_out: Layout, rows: "pa.Table", time: str, created: str) -> list[bytes]:
    """Packed records of published rows."""
    import pyarrow as pa  # here, because a service imports this package and makes no records

    floats = np.empty((len(rows), len(laid_out.floats)), dtype=np.float32)
    for i, name in enumerate(laid_out.floats):
        floats[:, i] = rows[name].cast(pa.float32()).fill_null(float("nan")).to_numpy()
    others = [_plain_column(rows[name]) for name in laid_out.others]
    micros = [
        rows[c].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).fill_null(0).to_numpy() for c in (time, created)
    ]
    return encode(laid_out, floats, others, micros[0], micros[1])


def _plain_column(column: "pa.ChunkedArray") -> list[Any]:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    plain: list[Any] = column.to_pylist()
    return plain
