"""Columns that are made from others of their row: one rule each, for deliveries and for the single row of a request.

A `Joined` of zones is a pair that can be an entity. A value is null where one that it is made from is, and an empty
text counts as null. `validation.files` computes the same on Arrow columns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from validation.dtypes import DType

WHOLE: tuple[DType, ...] = ("string", "int32", "int64")


@dataclass(frozen=True, slots=True)
class Joined:
    """Texts or whole numbers with `by` between them: a pair of zones, a zone and an hour. No value may contain it."""

    columns: tuple[str, ...]
    by: str = "→"


@dataclass(frozen=True, slots=True)
class WeekdayOf:
    """The day of a moment's week, Monday 0 to Sunday 6, UTC."""

    column: str


@dataclass(frozen=True, slots=True)
class HourOf:
    """The hour of a moment's day, 0 to 23, UTC."""

    column: str


@dataclass(frozen=True, slots=True)
class DomainOf:
    """What stands behind the last @ of an e-mail address, A to Z as a to z; null where there is none."""

    column: str


Derived = Joined | WeekdayOf | HourOf | DomainOf


def made_from(derived: Derived) -> tuple[str, ...]:
    """The columns that a value is made from."""
    return derived.columns if isinstance(derived, Joined) else (derived.column,)


def takes(derived: Derived) -> tuple[DType, ...]:
    """The types that those columns may have."""
    match derived:
        case Joined():
            return WHOLE
        case WeekdayOf() | HourOf():
            return ("timestamp",)
        case DomainOf():
            return ("string",)


def gives(derived: Derived) -> tuple[DType, ...]:
    """The types that a column made so may have."""
    return WHOLE if isinstance(derived, WeekdayOf | HourOf) else ("string",)


def derive(derived: Derived, dtype: DType, row: Mapping[str, Any]) -> str | int | None:
    """The value of a single row; moments are datetimes or seconds since the epoch."""
    values: list[Any] = [row.get(name) for name in made_from(derived)]
    if any(value is None or value == "" for value in values):
        return None
    match derived:
        case Joined(by=by):
            return by.join(str(value) for value in values)
        case DomainOf():
            return domain_of(str(values[0]))
        case WeekdayOf():
            number = _moment(values[0]).weekday()
        case HourOf():
            number = _moment(values[0]).hour
    return str(number) if dtype == "string" else number


def domain_of(address: str) -> str | None:
    """What stands behind the last @; None where nothing does."""
    _, at, domain = address.rpartition("@")
    return domain.encode().lower().decode() or None if at else None  # of bytes only A to Z change, as in Arrow


def _moment(value: datetime | float) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value
    return datetime.fromtimestamp(value, UTC)
