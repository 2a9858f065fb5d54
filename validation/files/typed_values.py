"""Delivered values → typed Arrow columns. A value that would need a guess becomes null, and a fault in words."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from validation.arrow import ARROW
from validation.contract import Column
from validation.dtypes import DType
from validation.files.arrow_values import python_values

ISO = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$"
EXPECTED: dict[DType, str] = {
    "string": "text is asked",
    "int32": "a whole number of 32 bits is asked",
    "int64": "a whole number of 64 bits is asked",
    "float32": "a finite number of 32 bits is asked",
    "float64": "a finite number is asked",
    "bool": "true or false is asked",
    "timestamp": "a moment such as 2026-05-03T12:00:00Z is asked (a number may be seconds, milliseconds or anything)",
    "strings": "a list of texts is asked, none of them empty",
    "floats": "a list of finite numbers is asked (null where one is unknown)",
}
PLAIN: dict[DType, frozenset[type]] = {
    "string": frozenset({str}),
    "int32": frozenset({int}),
    "int64": frozenset({int}),
    "float32": frozenset({int, float}),
    "float64": frozenset({int, float}),
    "bool": frozenset({bool}),
    "timestamp": frozenset({str}),
    "strings": frozenset({list}),
    "floats": frozenset({list}),
}
LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list, pa.types.is_list_view)
LOSSY = frozenset({"float32", "float64", "timestamp", "floats"})  # finer values are rounded to our precision

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
FIRST, LAST = -62_135_596_800, 253_402_300_799  # the years 1 to 9999 in seconds since 1970: Python knows no others
TYPE_ERRORS = (pa.ArrowException, ValueError, OverflowError, TypeError, LookupError, MemoryError, RecursionError)
"""What a value that is not of its column's type can raise, in Python, pandas or Arrow."""

FaultTexts = Mapping[int, str]


def read_values(column: Column, values: Sequence[object]) -> tuple[pa.Array, FaultTexts]:
    """A column from Python values, and a fault for each row whose value is not of the column's type."""
    array, faults = _from_values(column, values)
    return _empty_as_null(column, array), faults


def _from_values(column: Column, values: Sequence[object]) -> tuple[pa.Array, FaultTexts]:
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= PLAIN[column.dtype]:
        try:
            array = _moments(pa.array(values, pa.string())) if column.dtype == "timestamp" else pa.array(values)
            return _checked(column, array), {}
        except TYPE_ERRORS:
            pass  # some value does not fit: look at each by itself
    return _one_by_one(column, values)


def read_array(column: Column, array: pa.Array) -> tuple[pa.Array, FaultTexts]:
    """A column from a Parquet column, and a fault for each row whose value is not of the column's type."""
    array = array.storage if isinstance(array.type, pa.BaseExtensionType) else array
    try:
        return _empty_as_null(column, _checked(column, array)), {}
    except TYPE_ERRORS:
        return read_values(column, python_values(array))


def _empty_as_null(column: Column, array: pa.Array) -> pa.Array:
    """The same, with null for an empty text in a column that may be null: CSV has no other way to write null."""
    if column.dtype != "string" or not column.nullable:
        return array
    return pc.if_else(pc.equal(array, ""), pa.scalar(None, array.type), array)


def _checked(column: Column, array: pa.Array) -> pa.Array:
    """The array in the column's type; raises where a value would change by more than precision, or is not finite."""
    if not _may_hold(column.dtype, array.type):
        raise ValueError(f"{array.type} is no {column.dtype}")
    if pa.types.is_timestamp(array.type):
        _must_be_in_calendar(array)
    typed = array.cast(ARROW[column.dtype], safe=column.dtype not in LOSSY)
    if (
        column.dtype in ("float32", "float64")
        and not pc.all(pc.is_finite(typed)).as_py()
        and typed.null_count < len(typed)
    ):
        raise ValueError("not finite")
    if column.dtype == "floats" and pc.any(pc.is_inf(pc.list_flatten(typed))).as_py():
        raise ValueError("not finite")
    if column.dtype == "strings" and pc.list_flatten(typed).null_count:
        raise ValueError("a null among the texts")
    if column.dtype == "strings" and pc.any(pc.equal(pc.list_flatten(typed), "")).as_py():
        raise ValueError("an empty text among them")
    typed.validate(full=True)  # text that is no UTF-8 comes through a cast
    return typed


def _must_be_in_calendar(moments: pa.Array) -> None:
    """Raises for a moment outside of the years 1 to 9999: a cast to a finer unit would overflow to another moment."""
    ends, unit = pc.min_max(moments.view(pa.int64())).as_py(), PER_SECOND[moments.type.unit]
    if ends["min"] is not None and not FIRST * unit <= ends["min"] <= ends["max"] < (LAST + 1) * unit:
        raise ValueError("no moment of the years 1 to 9999")


def _may_hold(dtype: DType, kind: pa.DataType) -> bool:
    """Whether an Arrow type may hold values of this dtype."""
    if pa.types.is_null(kind):
        return True
    if dtype == "string":
        return _text(kind.value_type if pa.types.is_dictionary(kind) else kind)
    if dtype in ("strings", "floats"):
        inside = kind.value_type if any(is_list(kind) for is_list in LISTS) else None
        return inside is not None and (pa.types.is_null(inside) or (_text if dtype == "strings" else _number)(inside))
    tests: dict[str, Callable[[pa.DataType], bool]] = {"bool": pa.types.is_boolean, "timestamp": pa.types.is_timestamp}
    return tests.get(dtype, _number)(kind)


def _text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _moments(texts: pa.Array) -> pa.Array:
    if not pc.all(pc.match_substring_regex(texts, ISO)).as_py() and texts.null_count < len(texts):
        raise ValueError("not ISO 8601")
    read = pd.to_datetime(pd.Series(texts.to_pandas(), dtype=object), format="ISO8601", utc=True)
    return pa.Array.from_pandas(read).cast(ARROW["timestamp"], safe=False)


def _one_by_one(column: Column, values: Sequence[object]) -> tuple[pa.Array, FaultTexts]:
    read: list[object] = []
    faults: dict[int, str] = {}
    for row, value in enumerate(values):
        try:
            read.append(None if value is None else READ[column.dtype](value))
        except TYPE_ERRORS:
            read.append(None)
            faults[row] = f"`{column.name}` is {_shown(value)}: {EXPECTED[column.dtype]}"
    return pa.array(read, ARROW[column.dtype]), faults


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # thousands of digits, or of brackets
        text = f"a {type(value).__name__} too large to show"
    return text if len(text) <= 60 else f"{text[:57]}…"


def _as_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # a lone surrogate cannot be stored
    return value


def _as_whole(bits: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or value != int(value):
            raise ValueError
        if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
            raise OverflowError
        return int(value)

    return read


def _as_number(kind: type[np.float32] | type[np.float64]) -> Callable[[object], float]:
    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise TypeError
        with np.errstate(over="ignore"):
            rounded = float(kind(float(value)))
        if not math.isfinite(rounded):
            raise ValueError
        return rounded

    return read


def _as_bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _as_moment(value: object) -> datetime:
    if isinstance(value, str) and re.match(ISO, value):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        raise TypeError
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _as_texts(value: object) -> list[str]:
    if not isinstance(value, list):
        raise TypeError
    if "" in value:
        raise ValueError
    return [_as_text(item) for item in value]


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _as_numbers(value: object) -> list[float | None]:
    if not isinstance(value, list):
        raise TypeError
    return [item if item is None or _is_nan(item) else NUMBER(item) for item in value]


NUMBER = _as_number(np.float32)
READ: dict[DType, Callable[[object], object]] = {
    "string": _as_text,
    "int32": _as_whole(32),
    "int64": _as_whole(64),
    "float32": NUMBER,
    "float64": _as_number(np.float64),
    "bool": _as_bool,
    "timestamp": _as_moment,
    "strings": _as_texts,
    "floats": _as_numbers,
}
