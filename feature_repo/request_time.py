"""Features of the moment of the request: one definition, called by training on columns and by serving on arrays.

A feature is a value (a small struct): a release carries its own recipe as JSON, and serving needs nothing else.
`assembly` puts them together.
"""

from collections.abc import Mapping
from functools import cache
from math import log1p
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import Seconds
from infra.arrays import Float32s, Int32s
from infra.loops import loop

FeatureInput = NDArray[Any]
EACH: Int32s = np.zeros(0, dtype=np.int32)  # each row has its own entry, or one entry is for all rows


class Counters(msgspec.Struct, frozen=True):
    """The published states of one view, rows aligned with the candidates, or one row that holds for all of them.

    values      (rows | 1, counters) float32
    at          (rows | 1,) seconds since the epoch, NaN where the entity has no state
    names       the counters' names
    half_lives  (counters,) seconds
    """

    values: Float32s
    at: Seconds
    names: tuple[str, ...]
    half_lives: Seconds


class Inputs(msgspec.Struct, frozen=True):
    """All that the features of some rows are made from.

    `fields` holds profile attributes under `view.field`, `context` the values of the request itself; each column has
    one entry for each row, or a single one for all. `now` is (rows | 1,) seconds since the epoch. Where `now` is one
    for all, a counter view or a field may have only its distinct entries: `places` then holds, under its name, the
    entry of each row.
    """

    rows: int
    now: Seconds
    counters: Mapping[str, Counters]
    fields: Mapping[str, FeatureInput]
    context: Mapping[str, FeatureInput]
    places: Mapping[str, Int32s] = msgspec.field(default_factory=dict)


class Count(msgspec.Struct, frozen=True, tag=True):
    """log(1 + decayed counter)."""

    name: str
    of: str

    def reads(self) -> tuple[str, ...]:
        """The `view.counter` and `view.field` names this feature is made from."""
        return (self.of,)


class Rate(msgspec.Struct, frozen=True, tag=True):
    """(decayed numerator + prior · strength) / (decayed denominator + strength): a smoothed ratio of two counters."""

    name: str
    of: str
    per: str
    prior: float
    strength: float

    def reads(self) -> tuple[str, ...]:
        """The `view.counter` and `view.field` names this feature is made from."""
        return (self.of, self.per)


class Number(msgspec.Struct, frozen=True, tag=True):
    """log(1 + a numeric profile field), NaN where it is unknown."""

    name: str
    of: str

    def reads(self) -> tuple[str, ...]:
        """The `view.counter` and `view.field` names this feature is made from."""
        return (self.of,)


class Age(msgspec.Struct, frozen=True, tag=True):
    """log(1 + hours) since a moment in a profile, NaN where it is unknown."""

    name: str
    of: str

    def reads(self) -> tuple[str, ...]:
        """The `view.counter` and `view.field` names this feature is made from."""
        return (self.of,)


class Match(msgspec.Struct, frozen=True, tag=True):
    """1 where two profile fields are equal, 0 where they differ, NaN where either is unknown."""

    name: str
    of: str
    to: str

    def reads(self) -> tuple[str, ...]:
        """The `view.counter` and `view.field` names this feature is made from."""
        return (self.of, self.to)


class Hour(msgspec.Struct, frozen=True, tag=True):
    """Hour of the day at the request, 0 to 24, UTC."""

    name: str

    def reads(self) -> tuple[str, ...]:
        """Nothing but the clock."""
        return ()


class Context(msgspec.Struct, frozen=True, tag=True):
    """A number of the request itself, or `neutral` where the request has none, as for the position in serving."""

    name: str
    neutral: float

    def reads(self) -> tuple[str, ...]:
        """Nothing from the store."""
        return ()


class Code(msgspec.Struct, frozen=True, tag=True):
    """Place of the request's word in a fixed vocabulary, NaN for other words and for requests without one."""

    name: str
    vocabulary: tuple[str, ...]

    def reads(self) -> tuple[str, ...]:
        """Nothing from the store."""
        return ()


Feature = Count | Rate | Number | Age | Match | Hour | Context | Code


def value(feature: Number | Age | Match | Hour | Context | Code, inputs: Inputs) -> tuple[FeatureInput, Int32s]:
    """The values of a feature that reads no counters, by entry, and the entry of each row.

    Raises KeyError with the name of a field that is missing.
    """
    match feature:
        case Number(of=name):
            return _logged(inputs.fields[name].astype(np.float64)), inputs.places.get(name, EACH)
        case Age(of=name):
            return _logged((inputs.now - inputs.fields[name].astype(np.float64)) / 3600), inputs.places.get(name, EACH)
        case Match():
            return _match(inputs, feature.of, feature.to)
        case Hour():
            return (inputs.now % 86_400) / 3600, EACH
        case Context():
            numbers = np.asarray(inputs.context.get(feature.name, [feature.neutral])).astype(np.float64)
            return np.where(np.isnan(numbers), feature.neutral, numbers), EACH
        case Code():
            codes = _codes(feature.vocabulary)
            return np.array([codes.get(word, np.nan) for word in inputs.context.get(feature.name, [None])]), EACH


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


def spread(entries: FeatureInput, places: Int32s | None) -> FeatureInput:
    """Entries (…, entries) as rows (…, rows) by their places; unchanged where there are no places."""
    return entries if places is None else entries.take(places, axis=-1)


def _match(inputs: Inputs, of: str, to: str) -> tuple[FeatureInput, Int32s]:
    """Whether two fields are equal: compared by entry where one side is the same for all, by row otherwise."""
    (left, left_at), (right, right_at) = ((inputs.fields[name], inputs.places.get(name)) for name in (of, to))
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
