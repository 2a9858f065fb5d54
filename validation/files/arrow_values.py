"""Arrow values as Python values. A value that Python has no type for becomes an Unreadable; the others are read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value for which Python has none: a moment beyond the year 9999, or bytes in a text column that are no UTF-8.

    `text` is the complete value: bytes that are no UTF-8 are written as by `surrogateescape`.
    """

    text: str

    def __repr__(self) -> str:
        is_text = self.text.isascii() or not any("\udc80" <= sign <= "\udcff" for sign in self.text)
        return self.text if is_text else f"{self.text.encode(errors='surrogateescape')!r} (no UTF-8)"


def python_values(array: pa.Array) -> list[object]:
    """The values of an array; one that cannot be turned into Python is Unreadable, inside of lists and records too."""
    array = _in_utc(array)
    try:
        return list(array.to_pylist())
    except Exception:  # what a library raises for an odd value differs by type: overflow, codec, zone, recursion
        return [_value_of(array[row]) for row in range(len(array))]


def json_rows(rows: pa.RecordBatch) -> list[bytes]:
    """Rows as JSON lines with every value, also values that JSON has no type for."""
    columns = [python_values(column) for column in rows.columns]
    names = _each_once(rows.schema.names)
    return [_json(dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)]


def _each_once(names: Sequence[str]) -> list[str]:
    """The names, with a number after a repeated one, so that no cell replaces another."""
    return [name if names.index(name) == at else f"{name} ({at})" for at, name in enumerate(names)]


def _json(row: dict[str, object]) -> bytes:
    try:
        return json.dumps(row, default=_json_value).encode()
    except (ValueError, TypeError, RecursionError):  # nested too deeply for JSON, or keys that are no text
        return json.dumps({name: _cut(value) for name, value in row.items()}).encode()


def _json_value(value: Any) -> str:
    if isinstance(value, Unreadable):
        return value.text
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def _cut(value: object) -> str:
    try:
        return repr(value)
    except RecursionError:
        return "nested too deeply"


def _in_utc(array: pa.Array) -> pa.Array:
    """Moments in UTC, without the name of their zone, which may be unknown or no text: the moment is the same."""
    return array.view(pa.timestamp(array.type.unit, "UTC")) if pa.types.is_timestamp(array.type) else array


def _value_of(value: pa.Scalar) -> object:
    try:
        return value.as_py()
    except Exception:  # as above
        try:
            return _parts_of(value)
        except Exception:
            return Unreadable("a value that Python has none for")


def _parts_of(value: pa.Scalar) -> object:
    kind = value.type
    if isinstance(value, pa.ExtensionScalar | pa.DictionaryScalar):
        return _value_of(value.value)
    if isinstance(value, pa.MapScalar):
        return [_value_of(pair) for pair in value.values]
    if isinstance(value, pa.ListScalar | pa.LargeListScalar | pa.FixedSizeListScalar | pa.ListViewScalar):
        return [_value_of(item) for item in value.values]
    if isinstance(value, pa.StructScalar):
        return {kind.field(place).name: _value_of(value[place]) for place in range(kind.num_fields)}
    if isinstance(value, pa.StringScalar | pa.LargeStringScalar | pa.StringViewScalar):
        return Unreadable(value.as_buffer().to_pybytes().decode(errors="surrogateescape"))
    unit = f" {kind.unit}" if hasattr(kind, "unit") else ""
    return Unreadable(f"{value.value}{unit} ({type(value).__name__.removesuffix('Scalar')})")
