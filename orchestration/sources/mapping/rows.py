"""Rows of one of our tables from a part of a source: mapped, taken over, or standing in for the absent."""

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
    """The mapping with what event rows take over from others of their source; raises DefinitionError for what is wrong.

    What engagements do not say (who, what, when) is what the impressions of the same source say.
    """
    events = [table for table in tables if not table.versioned]
    if not mapping.tables[events[0].name]:
        raise DefinitionError(
            f"{mapping.path}: no [{events[0].name}]: a ranker learns from what was shown, acted on or not. Where only "
            f"ratings or clicks are known, each is a row that was shown: write [{events[0].name}], from = that source."
        )
    made = dict(mapping.tables)
    for place, table in enumerate(events):
        names = {c.name for c in table.columns}
        earlier = [rows for other in events[:place] for rows in made[other.name]]
        made[table.name] = tuple(_taking_over(rows, earlier, names) for rows in made[table.name])
    whole = msgspec.structs.replace(mapping, tables=made)
    for table in tables:
        for rows in made[table.name]:
            _check(whole, table, rows)
    return whole


def needs(rows: MappedRows) -> set[str]:
    """The columns of its source that these rows are made from."""
    asked = {c.column for c in parsed(rows.told, rows.where)} if rows.where else set()
    return asked.union(*(fields.reads(field) for field in rows.fields.values()))


def rows_of_part(
    mapping: Mapping, table: Table, rows: MappedRows, part: "pd.DataFrame", unread: Unread
) -> "list[pd.DataFrame]":
    """The rows of a table that a part of its source holds; of a success two each: the action and what it counts as."""
    if rows.where:
        for condition in parsed(rows.told, rows.where):
            part = part[condition.holds(part)]
    part = part.reset_index(drop=True)
    plain = _made(mapping, table, rows, part, unread)
    if not rows.success:
        return [plain]
    counted = plain.assign(**{name: [value] * len(plain) for name, value in SUCCESS.items()})
    own = table.key[0]
    if own in rows.fields:
        counted[own] = counted[own].astype("string") + "-success"
    elif len(plain):
        told = {name: counted[name] for name in counted.columns if name != own}
        counted[own] = filled(table.name, own, told, len(counted), table.key).to_numpy()
    return [plain, counted]


def _made(mapping: Mapping, table: Table, rows: MappedRows, part: "pd.DataFrame", unread: Unread) -> "pd.DataFrame":
    import pandas as pd

    part = _listed(mapping, table, rows, part, unread)
    made: dict[str, pd.Series[Any]] = {}
    first = [table.event_time] if table.event_time in rows.fields else []
    for name in [*first, *(n for n in rows.fields if n not in first)]:
        told = f"{mapping.path}: {rows.told}.{name}"
        made[name] = fields.column_values(
            rows.fields[name], table.column(name), part, mapping.time, told, unread, made.get(table.event_time)
        )
    if not table.versioned:
        for name in ABSENT.get(table.name, {}):
            if name not in made and not _plainly_null(table.name, name):
                made[name] = filled(table.name, name, made, len(part), table.key)
    return pd.DataFrame(made, index=part.index)


def _listed(mapping: Mapping, table: Table, rows: MappedRows, part: "pd.DataFrame", unread: Unread) -> "pd.DataFrame":
    """The rows whose words the mapping lists, where a column that may not be null is made from listed words."""
    for name, field in rows.fields.items():
        if field.values is None or field.otherwise is not None or field.column is None or table.column(name).nullable:
            continue
        known = part[field.column].isin(list(field.values))
        if not known.all():
            unread.leave_out(f"{mapping.path}: {rows.told}.{name}", part.loc[~known, field.column])
            part = part[known].reset_index(drop=True)
    return part


def _taking_over(rows: MappedRows, earlier: Sequence[MappedRows], names: set[str]) -> MappedRows:
    like = next((other for other in earlier if other.source == rows.source), None)
    if like is None:
        return rows
    return msgspec.structs.replace(rows, fields={n: f for n, f in like.fields.items() if n in names} | rows.fields)


def _check(mapping: Mapping, table: Table, rows: MappedRows) -> None:
    columns = columns_of(mapping, rows.source)
    if rows.where:
        parsed(f"{mapping.path}: {rows.told}, where", rows.where, columns)
    for name, field in rows.fields.items():
        fields.check(field, columns, f"{mapping.path}: {rows.told}.{name}")
    for column in table.columns:
        if column.name not in rows.fields and not column.nullable and column.name not in ABSENT.get(table.name, {}):
            raise DefinitionError(
                f"{mapping.path}: {rows.told} does not say `{column.name}` ({column.meaning}). "
                f'Write {column.name} = "COLUMN"; the source has {", ".join(columns[:20])}.'
            )
        _words(mapping, rows, column.name, column.one_of)


def _words(mapping: Mapping, rows: MappedRows, name: str, one_of: tuple[str, ...] | None) -> None:
    """Constants and listed values of a column with few words have to be among them."""
    field = rows.fields.get(name)
    if field is None or one_of is None:
        return
    given = [field.value, field.otherwise, *(field.values or {}).values()]
    for value in given:
        if value is not None and value not in one_of:
            raise DefinitionError(
                f"{mapping.path}: {rows.told}.{name}: `{value}` is none of its words: {', '.join(one_of)}."
            )


def _plainly_null(table: str, name: str) -> bool:
    said = ABSENT[table][name]
    return said.value is None and said.taken is None
