"""Columns that a table derives from others, on delivered rows: computed where they are not delivered, else compared."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from validation.arrow import ARROW
from validation.contract import Column, Table
from validation.derived import Derived, DomainOf, HourOf, Joined, WeekdayOf
from validation.files.flaws import Fault, Flaws

DERIVED = "derived"
ABOUT_DERIVED = "a column that is derived from others is not delivered, or holds what its table's definition makes"


def with_derived(table: Table, rows: pa.Table, flaws: Flaws) -> pa.Table:
    """The rows with every derived column; a delivered value that is another one is a fault of its row."""
    for column in table.columns:
        if column.derived is not None:
            computed = _made(column.derived, rows).cast(ARROW[column.dtype])
            for row, fault in _differing(column, rows[column.name], computed):
                flaws.add(row, *fault)
            rows = rows.set_column(rows.column_names.index(column.name), column.name, computed)
    return rows


def _made(derived: Derived, rows: pa.Table) -> pa.ChunkedArray:
    match derived:
        case Joined():
            texts = [_known(rows[name].cast(pa.string())) for name in derived.columns]
            return pc.binary_join_element_wise(*texts, derived.by)
        case WeekdayOf():
            return pc.day_of_week(rows[derived.column])
        case HourOf():
            return pc.hour(rows[derived.column])
        case DomainOf():
            domains = pc.struct_field(pc.extract_regex(rows[derived.column], r"(?s)@(?P<domain>[^@]+)$"), "domain")
            return pc.ascii_lower(domains)


def _known(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def _differing(column: Column, delivered: pa.ChunkedArray, computed: pa.ChunkedArray) -> Iterator[tuple[int, Fault]]:
    is_other = pc.and_(pc.is_valid(delivered), pc.fill_null(pc.not_equal(delivered, computed), True))
    for row in pc.indices_nonzero(is_other).to_pylist():
        given, own = delivered[row].as_py(), computed[row].as_py()
        yield row, Fault(DERIVED, f"`{column.name}` is {given!r}, and {column.derived} makes {own!r}: leave it out")
