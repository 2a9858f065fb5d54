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
EACH: Int32s = np.zeros(0, dtype=np.int32)  # every row has its own entry, or all have the one there is


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
    """All that features of some rows are made from.

    `fields` holds profile attributes under `view.field`, `context` what the request itself says; each column has one
    entry per row, or a single one that holds for all. `now` is (rows | 1,) seconds since the epoch. A counter view or
    a field may instead be given by its distinct entries, where `now` is one for all: `places` then holds, under its
    name, which of them each row has.
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
    strength: float = 5.0

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
    """A number the request itself gives; `neutral` stands in where it gives none, as for position in serving."""

    name: str
    neutral: float

    def reads(self) -> tuple[str, ...]:
        """Nothing from the store."""
        return ()


class Code(msgspec.Struct, frozen=True, tag=True):
    """Place of the request's word in a fixed vocabulary, NaN for words outside it and for requests that say none."""

    name: str
    vocabulary: tuple[str, ...]

    def reads(self) -> tuple[str, ...]:
        """Nothing from the store."""
        return ()


Feature = Count | Rate | Number | Age | Match | Hour | Context | Code


def value(feature: Number | Age | Match | Hour | Context | Code, given: Inputs) -> tuple[FeatureInput, Int32s]:
    """What any other feature says of its entries, and the entry each row has.

    Raises KeyError with the name of a field that is not given.
    """
    match feature:
        case Number(of=name):
            return _logged(given.fields[name].astype(np.float64)), given.places.get(name, EACH)
        case Age(of=name):
            return _logged((given.now - given.fields[name].astype(np.float64)) / 3600), given.places.get(name, EACH)
        case Match():
            return _match(given, feature.of, feature.to)
        case Hour():
            return (given.now % 86_400) / 3600, EACH
        case Context():
            told = np.asarray(given.context.get(feature.name, [feature.neutral])).astype(np.float64)
            return np.where(np.isnan(told), feature.neutral, told), EACH
        case Code():
            codes = _codes(feature.vocabulary)
            return np.array([codes.get(word, np.nan) for word in given.context.get(feature.name, [None])]), EACH


def _logged(numbers: Seconds) -> Seconds:
    """log(1 + each) in its place, 0 for what is below 0."""
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
    """Entries (…, entries) at the places that rows have: (…, rows); as they are when they have none."""
    return entries if places is None else entries.take(places, axis=-1)


def _match(given: Inputs, of: str, to: str) -> tuple[FeatureInput, Int32s]:
    """Compared entry by entry where one side is the same for all, row by row otherwise."""
    (left, left_at), (right, right_at) = ((given.fields[name], given.places.get(name)) for name in (of, to))
    if len(right) == 1 and right_at is None:
        return _same(left, right), EACH if left_at is None else left_at
    if len(left) == 1 and left_at is None:
        return _same(left, right), EACH if right_at is None else right_at
    return _same(spread(left, left_at), spread(right, right_at)), EACH


def _same(left: FeatureInput, right: FeatureInput) -> Seconds:
    """1 or 0 for each pair, NaN where one is None or NaN, which differs from itself; one on a side is in each pair."""
    ones = left.tolist() * len(right) if len(left) == 1 else left.tolist()
    others = right.tolist() * len(left) if len(right) == 1 else right.tolist()
    pairs = zip(ones, others, strict=True)
    return np.array(
        [np.nan if a is None or b is None or a != a or b != b else float(a == b) for a, b in pairs],  # noqa: PLR0124
        dtype=np.float64,
    )
