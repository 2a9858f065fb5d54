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

    told: str  # how the mapping file calls it
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
    known = ("sources", "time", *(table.name for table in tables))
    for name in raw:
        if name not in known:
            raise DefinitionError(f"{path}: section {unknown(name, known)}")
    sources = {
        name: _converted(path, f"sources.{name}", given, MappedSource) for name, given in _of(raw, "sources").items()
    }
    if not sources:
        raise DefinitionError(f'{path}: no source is named. Say where the rows are: [sources.NAME], files = "…".')
    time = _converted(path, "time", raw.get("time", {}), Time)
    _zone(path, "time.zone", time.zone)
    made = {table.name: tuple(_rows(path, table, raw.get(table.name, []), sources)) for table in tables}
    return Mapping(path, sources, time, made)


def _rows(path: Path, table: Table, given: Any, sources: dict[str, MappedSource]) -> Iterator[MappedRows]:
    entries = given if isinstance(given, list) else [given]
    for place, entry in enumerate(entries, 1):
        told = table.name if not isinstance(given, list) else f"{table.name}[{place}]"
        if not isinstance(entry, dict):
            raise DefinitionError(f"{path}: {told} is {entry!r}; it has to be a section, [{table.name}].")
        words = dict(entry)
        source = words.pop("from", None)
        if source not in sources:
            raise DefinitionError(f"{path}: {told}, from: source {unknown(str(source), sources)}")
        where, success = words.pop("where", None), words.pop("success", False)
        if not isinstance(success, bool) or not isinstance(where, str | None):
            raise DefinitionError(f'{path}: {told}: `where` is a text such as "rating >= 4", `success` true or false.')
        for name in words:
            try:
                table.column(name)
            except DefinitionError as wrong:
                raise DefinitionError(f"{path}: {told}: {wrong}") from wrong
        fields = {name: _field(path, f"{told}.{name}", value) for name, value in words.items()}
        yield MappedRows(told, source, fields, where, success)


def _field(path: Path, told: str, given: Any) -> Field:
    if isinstance(given, str):
        return Field(column=given)
    if not isinstance(given, dict):
        return Field(value=given)
    field: Field = _converted(path, told, given, Field)
    makers = [
        name for name in ("column", "value", "join", "first_of", "where") if getattr(field, name) not in (None, ())
    ]
    if len(makers) != 1:
        raise DefinitionError(
            f"{path}: {told} says {' and '.join(makers) or 'nothing'}; it needs exactly one of column, value, join, "
            "first_of or where."
        )
    if field.zone:
        _zone(path, f"{told}.zone", field.zone)
    return field


def _converted(path: Path, told: str, given: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as wrong:
        words = ", ".join(kind.__struct_fields__)
        raise DefinitionError(f"{path}: [{told}] {given!r}: {wrong}. Its words are: {words}.") from wrong


def _zone(path: Path, told: str, name: str) -> None:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError) as wrong:
        raise DefinitionError(
            f'{path}: {told} = {name!r} is no time zone. Write one such as "UTC" or "Europe/Berlin".'
        ) from wrong


def _of(raw: dict[str, Any], name: str) -> dict[str, Any]:
    found = raw.get(name, {})
    return found if isinstance(found, dict) else {}
