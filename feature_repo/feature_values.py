"""The values of features that are made of anything but counters alone, on arrays of entries and places."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import cache
from math import log1p
from typing import Any

import numpy as np

from feature_repo.counters import Seconds
from feature_repo.request_time import (
    EACH,
    Against,
    Age,
    Code,
    Context,
    Distance,
    FeatureInput,
    Holiday,
    Hour,
    Inputs,
    Match,
    Number,
    OtherFeature,
    Plain,
    Recent,
    Since,
    Weekday,
)
from infra.arrays import Int32s
from infra.loops import loop

DAY_S, EARTH_KM = 86_400, 6371.0088
EPOCH = date(1970, 1, 1)  # a Thursday
NOT_GIVEN: FeatureInput = np.array([None], dtype=object)


def value(feature: OtherFeature, inputs: Inputs) -> tuple[FeatureInput, Int32s]:  # noqa: PLR0911, PLR0912  one case a kind
    """The values of a feature by entry, and the entry of each row.

    Counters that it reads are among the fields, decayed. Raises KeyError with the name of a field that is missing.
    """
    match feature:
        case Number(of=name):
            return _logged(numbers(inputs, name)), _places(inputs, name)
        case Plain(of=name):
            return numbers(inputs, name), _places(inputs, name)
        case Age(of=name):
            return _logged((inputs.now - numbers(inputs, name)) / 3600), _places(inputs, name)
        case Match():
            return _match(inputs, feature.of, feature.to)
        case Hour():
            return _moment(inputs, feature.of, lambda at: (at % DAY_S) / 3600)
        case Weekday():
            return _moment(inputs, feature.of, lambda at: (at // DAY_S + EPOCH.weekday()) % 7)
        case Holiday():
            return _moment(inputs, feature.of, lambda at: _on_days(at, feature.days))
        case Since():
            until = _rows(inputs, feature.until) if feature.until else inputs.now
            return (until - _rows(inputs, feature.of)) / 3600, EACH
        case Against():
            return _against(feature, inputs), EACH
        case Distance():
            return kilometres(*(_rows(inputs, name) for name in feature.names())), EACH
        case Context():
            given = numbers(inputs, feature.name)
            return np.where(np.isnan(given), feature.neutral, given), EACH
        case Recent():
            return numbers(inputs, feature.name), EACH
        case Code():
            (name,), codes = feature.names(), _codes(feature.vocabulary)
            words = _entries(inputs, name)
            return np.array([codes.get(word, np.nan) for word in words]), _places(inputs, name)


def numbers(inputs: Inputs, name: str) -> Seconds:
    """The numbers, or moments in seconds, of that name, by entry: new floats with NaN where there is none."""
    entries = _entries(inputs, name)
    if entries.dtype == object and any(isinstance(entry, datetime) for entry in entries):
        entries = np.array([_seconds(entry) if isinstance(entry, datetime) else entry for entry in entries], object)
    return entries.astype(np.float64)


def spread(entries: FeatureInput, places: Int32s | None) -> FeatureInput:
    """Entries (…, entries) as rows (…, rows) by their places; unchanged where there are no places."""
    return entries if places is None else entries.take(places, axis=-1)


def kilometres(latitude: Seconds, longitude: Seconds, to_latitude: Seconds, to_longitude: Seconds) -> Seconds:
    """The way over the globe's surface between places in degrees (haversine formula)."""
    north, east, to_north, to_east = map(np.radians, (latitude, longitude, to_latitude, to_longitude))
    across = np.cos(north) * np.cos(to_north) * np.sin((to_east - east) / 2) ** 2
    squared = np.sin((to_north - north) / 2) ** 2 + across
    way: Seconds = 2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(squared, 0.0, 1.0)))
    return way


def _entries(inputs: Inputs, name: str) -> FeatureInput:
    return inputs.fields[name] if "." in name else inputs.context.get(name, NOT_GIVEN)


def _places(inputs: Inputs, name: str) -> Int32s:
    return inputs.places.get(name, EACH)


def _rows(inputs: Inputs, name: str) -> Seconds:
    """(rows | 1,) numbers."""
    return np.asarray(spread(numbers(inputs, name), inputs.places.get(name)))


def _seconds(moment: datetime) -> float:
    """Seconds since the epoch; a moment without a zone is in UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _moment(inputs: Inputs, name: str, of: Callable[[Seconds], Seconds]) -> tuple[Seconds, Int32s]:
    """What is made of a moment: that of the request where none is named."""
    return (of(numbers(inputs, name)), _places(inputs, name)) if name else (of(inputs.now), EACH)


def _on_days(at: Seconds, days: tuple[date, ...]) -> Seconds:
    numbered = [float((day - EPOCH).days) for day in days]
    return np.where(np.isnan(at), np.nan, np.isin(at // DAY_S, numbered).astype(np.float64))


def _against(feature: Against, inputs: Inputs) -> Seconds:
    number, usual = _rows(inputs, feature.of), _rows(inputs, feature.usual)
    with np.errstate(divide="ignore", invalid="ignore"):
        if feature.per:
            observed = _rows(inputs, feature.per) + feature.strength
            usual = (usual + feature.prior * feature.strength) / np.where(observed > 0, observed, np.nan)
        both = (number > 0) & (usual > 0) & np.isfinite(number) & np.isfinite(usual)
        return np.where(both, np.log(number) - np.log(usual), np.nan)


def _logged(numbers: Seconds) -> Seconds:
    """The same array with log(1 + number) for each number, 0 for one below 0."""
    _log(numbers)
    return numbers


@loop("int64(float64[:])")
def _log(numbers: Seconds) -> int:
    for i in range(len(numbers)):
        numbers[i] = log1p(max(numbers[i], 0.0))
    return len(numbers)


@cache
def _codes(vocabulary: tuple[str, ...]) -> Mapping[Any, float]:
    return {word: float(i) for i, word in enumerate(vocabulary)}


def _match(inputs: Inputs, of: str, to: str) -> tuple[FeatureInput, Int32s]:
    """Whether two values are equal: compared by entry where one side is the same for all, by row otherwise."""
    (left, left_at), (right, right_at) = ((_entries(inputs, name), inputs.places.get(name)) for name in (of, to))
    if len(right) == 1 and right_at is None:
        return _same(left, right), EACH if left_at is None else left_at
    if len(left) == 1 and left_at is None:
        return _same(left, right), EACH if right_at is None else right_at
    return _same(spread(left, left_at), spread(right, right_at)), EACH


def _same(left: FeatureInput, right: FeatureInput) -> Seconds:
    """1 or 0 for each pair, NaN where either is None or NaN; a single value on one side is paired with all."""
    lefts = left.tolist() * len(right) if len(left) == 1 else left.tolist()
    rights = right.tolist() * len(left) if len(right) == 1 else right.tolist()
    pairs = zip(lefts, rights, strict=True)
    return np.array(
        [np.nan if a is None or b is None or a != a or b != b else float(a == b) for a, b in pairs],  # noqa: PLR0124
        dtype=np.float64,
    )
