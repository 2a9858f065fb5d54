"""Rows of one of our tables from a part of a source: columns are mapped, taken over, or filled where none is mapped."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from infra.errors import DefinitionError
from orchestration.sources.mapping import fields
from orchestration.sources.mapping.absent import ABSENT, SUCCESS, filled
from orchestration.sources.mapping.conditions import parsed
from orchestration.sources.mapping.definition import MappedRows, Mapping
from orchestration.sources.mapping.fields import Unread
from orchestration.sources.mapping.reading import columns_of
from validation.contract import Table

if TYPE_CHECKING:
    import pandas as pd


def complete(mapping: Mapping, tables: Sequence[Table]) -> Mapping:
    """The mapping with the columns that event rows take over from others of their source; raises DefinitionError.

    What engagements do not say (who, what, when) is what the impressions of the same source say.
    """
    events = [table for table in tables if not table.versioned]
    if not mapping.tables[events[0].name]:
        raise DefinitionError(
            f"{mapping.path}: no [{events[0].name}]: a ranker learns from what was shown, acted on or not. Where only "
            f"ratings or clicks are known, each is a row that was shown: write [{events[0].name}], from = that source."
        )
    rows_by_table = dict(mapping.tables)
    for place, table in enumerate(events):
        names = {c.name for c in table.columns}
        earlier = [rows for other in events[:place] for rows in rows_by_table[other.name]]
        rows_by_table[table.name] = tuple(_taking_over(rows, earlier, names) for rows in rows_by_table[table.name])
    completed = msgspec.structs.replace(mapping, tables=rows_by_table)
    for table in tables:
        for rows in rows_by_table[table.name]:
            _check(completed, table, rows)
    return completed


def needs(rows: MappedRows) -> set[str]:
    """The columns of its source that these rows are made from."""
    in_condition = {c.column for c in parsed(rows.section, rows.where)} if rows.where else set()
    return in_condition.union(*(fields.reads(field) for field in rows.fields.values()))


def rows_of_part(
    mapping: Mapping, table: Table, rows: MappedRows, part: "pd.DataFrame", unread: Unread
) -> "list[pd.DataFrame]":
    """The rows of a table that a part of its source holds; a success gives two: the action, and what it counts as."""
    if rows.where:
        for condition in parsed(rows.section, rows.where):
            part = part[condition.holds(part)]
    part = part.reset_index(drop=True)
    plain = _mapped(mapping, table, rows, part, unread)
    if not rows.success:
        return [plain]
    counted = plain.assign(**{name: [value] * len(plain) for name, value in SUCCESS.items()})
    own = table.key[0]
    if own in rows.fields:
        counted[own] = counted[own].astype("string") + "-success"
    elif len(plain):
        others = {name: counted[name] for name in counted.columns if name != own}
        counted[own] = filled(table.name, own, others, len(counted), table.key).to_numpy()
    return [plain, counted]


def _mapped(mapping: Mapping, table: Table, rows: MappedRows, part: "pd.DataFrame", unread: Unread) -> "pd.DataFrame":
    import pandas as pd

    part = _listed(mapping, table, rows, part, unread)
    columns: dict[str, pd.Series[Any]] = {}
    first = [table.event_time] if table.event_time in rows.fields else []
    for name in [*first, *(n for n in rows.fields if n not in first)]:
        location = f"{mapping.path}: {rows.section}.{name}"
        columns[name] = fields.column_values(
            rows.fields[name], table.column(name), part, mapping.time, location, unread, columns.get(table.event_time)
        )
    if not table.versioned:
        for name in ABSENT.get(table.name, {}):
            if name not in columns and not _plainly_null(table.name, name):
                columns[name] = filled(table.name, name, columns, len(part), table.key)
    return pd.DataFrame(columns, index=part.index)


def _listed(mapping: Mapping, table: Table, rows: MappedRows, part: "pd.DataFrame", unread: Unread) -> "pd.DataFrame":
    """The rows whose words the mapping lists, where a column that may not be null is made from listed words."""
    for name, field in rows.fields.items():
        if field.values is None or field.otherwise is not None or field.column is None or table.column(name).nullable:
            continue
        listed = part[field.column].isin(list(field.values))
        if not listed.all():
            unread.leave_out(f"{mapping.path}: {rows.section}.{name}", part.loc[~listed, field.column])
            part = part[listed].reset_index(drop=True)
    return part


def _taking_over(rows: MappedRows, earlier: Sequence[MappedRows], names: set[str]) -> MappedRows:
    like = next((other for other in earlier if other.source == rows.source), None)
    if like is None:
        return rows
    return msgspec.structs.replace(rows, fields={n: f for n, f in like.fields.items() if n in names} | rows.fields)


def _check(mapping: Mapping, table: Table, rows: MappedRows) -> None:
    columns = columns_of(mapping, rows.source)
    if rows.where:
        parsed(f"{mapping.path}: {rows.section}, where", rows.where, columns)
    for name, field in rows.fields.items():
        fields.check(field, columns, f"{mapping.path}: {rows.section}.{name}")
    for column in table.columns:
        if column.name not in rows.fields and not column.nullable and column.name not in ABSENT.get(table.name, {}):
            raise DefinitionError(
                f"{mapping.path}: {rows.section} does not say `{column.name}` ({column.meaning}). "
                f'Write {column.name} = "COLUMN"; the source has {", ".join(columns[:20])}.'
            )
        _words(mapping, rows, column.name, column.one_of)


def _words(mapping: Mapping, rows: MappedRows, name: str, one_of: tuple[str, ...] | None) -> None:
    """Constants and listed values of a column with few words have to be among them."""
    field = rows.fields.get(name)
    if field is None or one_of is None:
        return
    words = [field.value, field.otherwise, *(field.values or {}).values()]
    for value in words:
        if value is not None and value not in one_of:
            raise DefinitionError(
                f"{mapping.path}: {rows.section}.{name}: `{value}` is none of its words: {', '.join(one_of)}."
            )


def _plainly_null(table: str, name: str) -> bool:
    absent = ABSENT[table][name]
    return absent.value is None and absent.taken is None
