"""Features of the moment of the request: one definition, called by training on columns and by serving on arrays.

A feature is a value (a small struct), so that a release can carry its own recipe as JSON and serving needs nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import Floats, Seconds, decay

Column = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Counters:
    """The published states of one view, rows aligned with the candidates, or one row that holds for all of them.

    values      (rows | 1, counters) float32
    at          (rows | 1,) seconds since the epoch, NaN where the entity has no state
    names       the counters' names
    half_lives  (counters,) seconds
    """

    values: Floats
    at: Seconds
    names: tuple[str, ...]
    half_lives: Seconds


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that features of some rows are made from.

    `fields` holds profile attributes under `view.field`, `context` what the request itself says; each column has one
    entry per row, or a single one that holds for all. `now` is (rows | 1,) seconds since the epoch.
    """

    rows: int
    now: Seconds
    counters: Mapping[str, Counters]
    fields: Mapping[str, Column]
    context: Mapping[str, Column]


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
    """A number the request itself gives; `neutral` stands in wherever the request has none, as for position in serving."""

    name: str
    neutral: float

    def reads(self) -> tuple[str, ...]:
        """Nothing from the store."""
        return ()


class Code(msgspec.Struct, frozen=True, tag=True):
    """Place of the request's word in a fixed vocabulary, NaN for words outside it."""

    name: str
    vocabulary: tuple[str, ...]

    def reads(self) -> tuple[str, ...]:
        """Nothing from the store."""
        return ()


Feature = Count | Rate | Number | Age | Match | Hour | Context | Code


def assemble(features: Sequence[Feature], given: Inputs) -> Floats:
    """The model's input: (rows, features) float32, in the order of `features`, every counter decayed to `now`."""
    decayed = {view: decay(c.values, c.at, given.now, c.half_lives) for view, c in given.counters.items()}
    place = {f"{view}.{name}": (view, i) for view, c in given.counters.items() for i, name in enumerate(c.names)}
    matrix = np.empty((given.rows, len(features)), dtype=np.float32)

    def counter(name: str) -> Floats:
        view, i = place[name]
        return decayed[view][:, i]

    for i, feature in enumerate(features):
        matrix[:, i] = _value(feature, given, counter)
    return matrix


def _value(feature: Feature, given: Inputs, counter: Any) -> Column:
    match feature:
        case Count(of=of):
            return np.log1p(np.maximum(counter(of), 0))
        case Rate(of=of, per=per, prior=prior, strength=strength):
            return (counter(of) + prior * strength) / (counter(per) + strength)
        case Number(of=of):
            return np.log1p(np.maximum(given.fields[of].astype(np.float64), 0))
        case Age(of=of):
            return np.log1p(np.maximum(given.now - given.fields[of].astype(np.float64), 0) / 3600)
        case Match(of=of, to=to):
            left, right = given.fields[of], given.fields[to]
            known = np.not_equal(left, None) & np.not_equal(right, None)
            return np.where(known, np.equal(left, right).astype(np.float32), np.nan)
        case Hour():
            return (given.now % 86_400) / 3600
        case Context(name=name, neutral=neutral):
            return np.nan_to_num(given.context[name], nan=neutral) if name in given.context else np.array([neutral])
        case Code(name=name, vocabulary=vocabulary):
            codes = {word: float(i) for i, word in enumerate(vocabulary)}
            return np.array([codes.get(word, np.nan) for word in given.context[name]], dtype=np.float32)
