"""One of our columns, made from a part of a source: texts become values of the contract's type, or null."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from infra.errors import DefinitionError
from orchestration.sources.mapping.conditions import parsed
from orchestration.sources.mapping.definition import Field, Time
from validation.contract import Column, unknown

if TYPE_CHECKING:
    import pandas as pd

SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
YES, NO = ("1", "1.0", "true", "t", "yes", "y"), ("0", "0.0", "false", "f", "no", "n")
LONGEST = 64  # characters of an id made by joining columns
BETWEEN = "-"  # joins the parts of an id


class Unread:
    """Texts that could not be read as their column's type: how many, and the first, by their place in the mapping.

    `left_out` counts in the same way the rows whose word the mapping does not list.
    """

    def __init__(self) -> None:
        self.texts: dict[str, tuple[int, str]] = {}
        self.left_out: dict[str, tuple[int, str]] = {}
        self._readable: set[str] = set()

    def leave_out(self, location: str, texts: "pd.Series[Any]") -> None:
        """Count rows that are left out, with the first of their words."""
        before, example = self.left_out.get(location, (0, str(texts.iloc[0])))
        self.left_out[location] = (before + len(texts), example)

    def note(self, location: str, texts: "pd.Series[Any]", values: "pd.Series[Any]") -> None:
        """Count the texts whose value is null; raises DefinitionError when that is all of them."""
        lost = texts.notna() & values.isna()
        if values.notna().any():
            self._readable.add(location)
        if not lost.any():
            return
        first = str(texts[lost].iloc[0])
        if location not in self._readable and len(texts) > 1:
            raise DefinitionError(
                f"{location}: none of {len(texts):,} values can be read, the first is `{first[:80]}`. A moment that is "
                'not ISO 8601 needs unit = "s" (or "ms": a number since 1970) or format = "%m/%d/%Y %I:%M:%S %p"; a '
                "number needs digits and a dot; a yes or no 1 or 0, true or false."
            )
        before, example = self.texts.get(location, (0, first))
        self.texts[location] = (before + int(lost.sum()), example)


def column_values(
    field: Field, column: Column, frame: "pd.DataFrame", time: Time, location: str, unread: Unread,
    moments: "pd.Series[Any] | None" = None,
) -> "pd.Series[Any]":  # fmt: skip
    """The column's values for the rows of a frame.

    moments  when each row happened, for ids that are cut by time
    """
    import pandas as pd

    if field.where is not None:
        return _all([c.holds(frame) for c in parsed(location, field.where)])
    if field.value is not None:
        return pd.Series([field.value] * len(frame), index=frame.index, dtype=object)
    texts = _texts(field, frame)
    if field.every is not None:
        texts = _cut(texts, field, moments, location)
    if field.values is not None:
        named = texts.map({key: str(value) for key, value in field.values.items()})
        texts = named if field.otherwise is None else named.fillna(str(field.otherwise))
    values = typed(texts, column, field, time, location)
    if field.values is None:
        unread.note(location, texts, values)
    return values


def typed(texts: "pd.Series[Any]", column: Column, field: Field, time: Time, location: str) -> "pd.Series[Any]":
    """Texts as the values of a contract's column; null where they cannot be read as such."""
    import pandas as pd

    match column.dtype:
        case "timestamp":
            return moment(texts, field, time, location)
        case "strings":
            lists: pd.Series[Any] = texts.str.split(field.split or ",")
            return lists
        case "bool":
            low = texts.str.strip().str.lower()
            return low.map({**dict.fromkeys(YES, True), **dict.fromkeys(NO, False)})
        case "string":
            words = texts.str.split(field.split, regex=False).str[0] if field.split else texts
            return words.str.strip().replace("", None)
        case "floats":
            raise DefinitionError(f"{location}: a list of numbers cannot be mapped. Leave the column out.")
    numbers = pd.to_numeric(texts, errors="coerce")
    if field.unit and column.unit == "s":
        numbers = numbers * SECONDS[field.unit]
    if column.dtype.startswith("int"):
        numbers = numbers.where((numbers % 1 == 0) & (numbers.abs() < 1 << 31))
    return numbers


def moment(texts: "pd.Series[Any]", field: Field, time: Time, location: str) -> "pd.Series[Any]":
    """Texts as moments in UTC, moved by the shift of the mapping."""
    import pandas as pd

    if field.unit is not None:
        seconds = pd.to_numeric(texts, errors="coerce") * SECONDS[field.unit]
        moments = pd.to_datetime((seconds * 1e6).round(), unit="us", utc=True, errors="coerce")
    else:
        try:
            moments = pd.to_datetime(
                texts, format=field.format or "ISO8601", errors="coerce", utc=_has_zone(texts, field)
            )
        except ValueError as wrong:
            raise DefinitionError(f"{location}, format = {field.format!r}: {wrong}. See Python's strptime.") from wrong
        if moments.dt.tz is None:
            import numpy as np

            standard = np.zeros(len(moments), dtype=bool)  # in the doubled hour of autumn: after the clock was put back
            moments = moments.dt.tz_localize(field.zone or time.zone, ambiguous=standard, nonexistent="shift_forward")
        moments = moments.dt.tz_convert("UTC")
    moments = moments.astype("datetime64[us, UTC]") + pd.Timedelta(days=time.shift_days)
    if field.not_before is not None:
        earliest = pd.Timestamp(field.not_before, tz="UTC")
        moments = moments.where(moments.isna() | (moments >= earliest), earliest)
    return moments


def check(field: Field, columns: Sequence[str], location: str) -> None:
    """Raises DefinitionError for a column that the source does not have."""
    for name in field.reads:
        if name not in columns:
            raise DefinitionError(f'{location} = "{name}": column {unknown(name, columns)}')
    if field.where is not None:
        parsed(location, field.where, columns)


def reads(field: Field) -> set[str]:
    """The columns of the source that a field needs."""
    return {*field.reads, *(c.column for c in (parsed("", field.where) if field.where else ()))}


def _texts(field: Field, frame: "pd.DataFrame") -> "pd.Series[Any]":
    import pandas as pd

    if field.column is not None:
        return frame[field.column]
    if field.join:
        ids = frame[field.join[0]].astype("string")
        for name in field.join[1:]:
            ids = ids + BETWEEN + frame[name].astype("string")
        return short(ids.astype(object))
    chosen = pd.Series([None] * len(frame), index=frame.index, dtype=object)
    for name in reversed(field.first_of):
        chosen = chosen.mask(frame[name].str.strip().str.lower().isin(YES), name)
    return chosen


def short(ids: "pd.Series[Any]") -> "pd.Series[Any]":
    """Ids as they are; a long one is replaced by its digest, which is as distinct."""
    long = ids.str.len() > LONGEST
    if not long.any():
        return ids
    digests = ids[long].map(lambda text: hashlib.blake2b(str(text).encode(), digest_size=16).hexdigest())
    return ids.where(~long, digests)


def _cut(texts: "pd.Series[Any]", field: Field, moments: "pd.Series[Any] | None", location: str) -> "pd.Series[Any]":
    """Ids with the piece of time they fall into: rows of one id within the same piece share the new id."""
    import pandas as pd

    if moments is None:
        raise DefinitionError(f"{location}: `every` cuts by the row's event_time, which is not mapped. Map it.")
    try:
        length = pd.Timedelta(str(field.every))
    except ValueError as wrong:
        raise DefinitionError(
            f'{location}: every = {field.every!r} is no length of time. Write one such as "1h".'
        ) from wrong
    pieces = (moments - pd.Timestamp(0, tz="UTC")) // length
    return texts.astype("string") + BETWEEN + pieces.astype("string")


def _has_zone(texts: "pd.Series[Any]", field: Field) -> bool:
    """Whether the texts name a time zone; then the mapping's zone is not used."""
    if field.format is not None:
        return "%z" in field.format
    present = texts.dropna()
    return bool(len(present)) and bool(present.astype(str).str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$").all())


def _all(conditions: "list[pd.Series[Any]]") -> "pd.Series[Any]":
    all_hold = conditions[0]
    for condition in conditions[1:]:
        all_hold = all_hold & condition
    return all_hold
