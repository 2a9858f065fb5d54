"""Delivered rows with pseudonyms in place of the ids of persons: nothing that is kept of them names one otherwise."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pyarrow as pa

from infra.pseudonyms import Pseudonyms
from validation.contract import Table
from validation.files.delivered import Delivered
from validation.files.flaws import Flaws
from validation.files.json_lines import object_of

NOT_KEPT = "its bytes are not kept: an id of a person may be anywhere in them"


def with_pseudonyms(table: Table, delivered: Delivered, ids: Pseudonyms | None) -> Delivered:
    """The same delivery with pseudonyms: its rows, what is wrong with them, and their bytes for quarantine."""
    if ids is None:
        return delivered

    def raws(numbers: Sequence[int]) -> list[bytes]:
        return [line_with_pseudonyms(table, raw, ids) for raw in delivered.raws(numbers)]

    rows = columns_with_pseudonyms(table, delivered.rows, ids)
    return replace(delivered, rows=rows, faults=_without_values(table, delivered.faults), raws=raws)


def columns_with_pseudonyms(table: Table, rows: pa.Table, ids: Pseudonyms | None) -> pa.Table:
    """Rows of a table, or some of its columns, with pseudonyms. Each id is hashed once."""
    if ids is None or table.person not in rows.column_names:
        return rows
    place = rows.column_names.index(table.person)
    column = rows.column(place).combine_chunks().dictionary_encode()
    values = pa.array([ids(value) for value in column.dictionary.to_pylist()], column.type.value_type)
    return rows.set_column(place, rows.field(place), pa.chunked_array([values.take(column.indices)]))


def line_with_pseudonyms(table: Table, line: bytes, ids: Pseudonyms | None) -> bytes:
    """A row's bytes with pseudonyms; of an undefined column only its name is kept, of what is no row nothing."""
    if ids is None:
        return line
    cells = object_of(line)
    if not isinstance(cells, dict):
        return msgspec.json.encode({"removed": NOT_KEPT})
    defined = {column.name for column in table.columns}
    kept = {name: value if name in defined else None for name, value in cells.items()}
    if table.person in kept:
        kept[table.person] = _pseudonym(kept[table.person], ids)
    return msgspec.json.encode(kept)


def _pseudonym(value: object, ids: Pseudonyms) -> str | int | None:
    return ids(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _without_values(table: Table, faults: Flaws) -> Flaws:
    """The faults, without the values of the person's column that some of them show."""
    shows, hidden = f"`{table.person}` is ", f"`{table.person}` is no {_type_of(table)}"
    if table.person is None or not any(r.startswith(shows) for _, each in faults.items() for _, r in each):
        return faults
    return Flaws(
        {row: [(rule, hidden if why.startswith(shows) else why) for rule, why in each] for row, each in faults.items()}
    )


def _type_of(table: Table) -> str:
    return table.column(table.person).dtype if table.person else ""
