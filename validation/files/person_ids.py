"""Delivered rows with pseudonyms in place of the ids of persons: nothing that is kept of them names one otherwise."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pyarrow as pa

from infra.pseudonyms import Pseudonyms
from validation.contract import Column, Table
from validation.files.delivered import Delivered
from validation.files.json_lines import object_of

NOT_KEPT = "its bytes are not kept: an id of a person may be anywhere in them"


def with_pseudonyms(table: Table, delivered: Delivered, ids: Pseudonyms | None) -> Delivered:
    """The same delivery with pseudonyms, in its rows and in the bytes that quarantine would keep."""
    if ids is None:
        return delivered

    def raws(numbers: Sequence[int]) -> list[bytes]:
        return [line_with_pseudonyms(table, raw, ids) for raw in delivered.raws(numbers)]

    return replace(delivered, rows=columns_with_pseudonyms(table, delivered.rows, ids), raws=raws)


def columns_with_pseudonyms(table: Table, rows: pa.Table, ids: Pseudonyms | None) -> pa.Table:
    """Rows of a table, or some of its columns, with pseudonyms."""
    persons = {column.name for column in table.columns if column.person} if ids else set()
    for place, name in enumerate(rows.column_names):
        if ids and name in persons:
            rows = rows.set_column(place, name, _hidden(rows.column(place), ids))
    return rows


def line_with_pseudonyms(table: Table, line: bytes, ids: Pseudonyms | None) -> bytes:
    """A row's bytes with pseudonyms; of an undefined column only its name is kept, of what is no row nothing."""
    cells = object_of(line) if ids else None
    if ids is None:
        return line
    if not isinstance(cells, dict):
        return msgspec.json.encode({"removed": NOT_KEPT})
    columns = {column.name: column for column in table.columns}
    kept = {name: _kept(columns.get(name), value, ids) for name, value in cells.items()}
    return msgspec.json.encode(kept)


def _kept(column: Column | None, value: object, ids: Pseudonyms) -> object:
    if column is None:
        return None
    if not column.person:
        return value
    return ids(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _hidden(column: pa.ChunkedArray, ids: Pseudonyms) -> pa.ChunkedArray:
    """A column with its pseudonyms; each id is hashed once."""
    encoded = column.combine_chunks().dictionary_encode()
    values = pa.array([ids(value) for value in encoded.dictionary.to_pylist()], column.type)
    return pa.chunked_array([values.take(encoded.indices)], column.type)
