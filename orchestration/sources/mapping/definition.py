"""The words of a mapping file (TOML), and the reading of it. docs/own-events.md explains each with examples."""

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from infra.errors import DefinitionError
from validation.contract import Table, unknown

SourceFormat = Literal["text", "jsonl", "parquet"]


class Explode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column that holds several things: each becomes a row, with the named groups of `pattern` as columns.

    `place` is a further column of such rows: 1 for the first of its line.
    """

    column: str
    pattern: str
    by: str = " "


class MappedSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files of one kind. `columns` names those of a file that has no header line."""

    files: str | list[str]
    format: SourceFormat | None = None
    delimiter: str = ","
    columns: tuple[str, ...] | None = None
    encoding: str = "utf-8"
    quote: str | None = None
    explode: Explode | None = None


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one of our columns is made. `"name"` alone means `{ column = "name" }`, a number or a list a constant."""

    column: str | None = None
    value: Any = None
    join: tuple[str, ...] = ()
    first_of: tuple[str, ...] = ()
    where: str | None = None
    values: dict[str, Any] | None = None
    otherwise: Any = None
    unit: Literal["s", "ms", "us", "ns", "min", "h", "d"] | None = None
    format: str | None = None
    zone: str | None = None
    split: str | None = None
    every: str | None = None
    not_before: str | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """The source's columns that it needs, but for those of `where`."""
        return (*([self.column] if self.column else []), *self.join, *self.first_of)


class Time(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`zone` is that of moments written without one; all moments are moved `shift_days` later."""

    zone: str = "UTC"
    shift_days: int = 0


class MappedRows(msgspec.Struct, frozen=True):
    """Rows of one of our tables, made from those of a source for which `where` holds."""

    section: str  # how the mapping file calls it
    source: str
    fields: dict[str, Field]
    where: str | None = None
    success: bool = False


class Mapping(msgspec.Struct, frozen=True):
    """A whole mapping: sources by name, and what becomes of them, by table."""

    path: Path
    sources: dict[str, MappedSource]
    time: Time
    tables: dict[str, tuple[MappedRows, ...]]


def read(path: Path, tables: Sequence[Table]) -> Mapping:
    """The mapping in a file; raises DefinitionError that names the key, its value, the rule and the next step."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DefinitionError(f"{path} does not exist. Write a first one with `flywheel map --from FOLDER`.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise DefinitionError(f"{path} is no TOML: {wrong}. Mend that place and run `flywheel map` again.") from wrong
    sections = ("sources", "time", *(table.name for table in tables))
    for name in raw:
        if name not in sections:
            raise DefinitionError(f"{path}: section {unknown(name, sections)}")
    sources = {
        name: _converted(path, f"sources.{name}", section, MappedSource)
        for name, section in _of(raw, "sources").items()
    }
    if not sources:
        raise DefinitionError(f'{path}: no source is named. Say where the rows are: [sources.NAME], files = "…".')
    time = _converted(path, "time", raw.get("time", {}), Time)
    _zone(path, "time.zone", time.zone)
    rows_by_table = {table.name: tuple(_rows(path, table, raw.get(table.name, []), sources)) for table in tables}
    return Mapping(path, sources, time, rows_by_table)


def _rows(path: Path, table: Table, raw: Any, sources: dict[str, MappedSource]) -> Iterator[MappedRows]:
    entries = raw if isinstance(raw, list) else [raw]
    for place, entry in enumerate(entries, 1):
        section = table.name if not isinstance(raw, list) else f"{table.name}[{place}]"
        if not isinstance(entry, dict):
            raise DefinitionError(f"{path}: {section} is {entry!r}; it has to be a section, [{table.name}].")
        words = dict(entry)
        source = words.pop("from", None)
        if source not in sources:
            raise DefinitionError(f"{path}: {section}, from: source {unknown(str(source), sources)}")
        where, success = words.pop("where", None), words.pop("success", False)
        if not isinstance(success, bool) or not isinstance(where, str | None):
            raise DefinitionError(
                f'{path}: {section}: `where` is a text such as "rating >= 4", `success` true or false.'
            )
        for name in words:
            try:
                table.column(name)
            except DefinitionError as wrong:
                raise DefinitionError(f"{path}: {section}: {wrong}") from wrong
        fields = {name: _field(path, f"{section}.{name}", value) for name, value in words.items()}
        yield MappedRows(section, source, fields, where, success)


def _field(path: Path, key: str, value: Any) -> Field:
    if isinstance(value, str):
        return Field(column=value)
    if not isinstance(value, dict):
        return Field(value=value)
    field: Field = _converted(path, key, value, Field)
    makers = [
        name for name in ("column", "value", "join", "first_of", "where") if getattr(field, name) not in (None, ())
    ]
    if len(makers) != 1:
        raise DefinitionError(
            f"{path}: {key} says {' and '.join(makers) or 'nothing'}; it needs exactly one of column, value, join, "
            "first_of or where."
        )
    if field.zone:
        _zone(path, f"{key}.zone", field.zone)
    return field


def _converted(path: Path, key: str, value: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as wrong:
        words = ", ".join(kind.__struct_fields__)
        raise DefinitionError(f"{path}: [{key}] {value!r}: {wrong}. Its words are: {words}.") from wrong


def _zone(path: Path, key: str, name: str) -> None:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError) as wrong:
        raise DefinitionError(
            f'{path}: {key} = {name!r} is no time zone. Write one such as "UTC" or "Europe/Berlin".'
        ) from wrong


def _of(raw: dict[str, Any], name: str) -> dict[str, Any]:
    section = raw.get(name, {})
    return section if isinstance(section, dict) else {}
