"""Features of the moment of the request: one definition, called by training on columns and by serving on arrays.

A feature is a value (a small struct): a release carries its own recipe as JSON, and serving needs nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import Floats, Seconds, decay
from validation.errors import DefinitionError

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


def assemble(features: Sequence[Feature], given: Inputs) -> Floats:
    """The model's input: (rows, features) float32, in the order of `features`, every counter decayed to `now`.

    A column given once for all rows makes the same bits as one that repeats it. Raises DefinitionError when an input
    lacks what a feature reads; what is merely unknown (None, NaN, no state) is for each feature to say.
    """
    counters = _decayed(given)
    matrix = np.empty((len(features), given.rows), dtype=np.float32)
    for i, feature in enumerate(features):
        try:
            matrix[i] = _value(feature, given, counters)
        except KeyError as missing:
            raise DefinitionError(f"feature {feature.name}: its inputs hold no `{missing.args[0]}`") from missing
    return np.ascontiguousarray(matrix.T)


def _decayed(given: Inputs) -> dict[str, Floats]:
    """Every counter under `view.counter`, contiguous, so that numpy takes one path for one row and for many."""
    columns: dict[str, Floats] = {}
    for view, held in given.counters.items():
        now = np.ascontiguousarray(decay(held.values, held.at, given.now, held.half_lives).T)
        columns |= {f"{view}.{name}": now[i] for i, name in enumerate(held.names)}
    return columns


def _value(feature: Feature, given: Inputs, counters: Mapping[str, Floats]) -> Column:  # noqa: PLR0911  a case a kind
    match feature:
        case Count(of=of):
            return np.log1p(np.maximum(counters[of], 0))
        case Rate(of=of, per=per, prior=prior, strength=strength):
            return (counters[of] + prior * strength) / (counters[per] + strength)
        case Number(of=of):
            return np.log1p(np.maximum(given.fields[of].astype(np.float64), 0))
        case Age(of=of):
            return np.log1p(np.maximum(given.now - given.fields[of].astype(np.float64), 0) / 3600)
        case Match(of=of, to=to):
            left, right = given.fields[of], given.fields[to]
            return np.where(_known(left) & _known(right), (left == right).astype(np.float32), np.nan)
        case Hour():
            return (given.now % 86_400) / 3600
        case Context(name=name, neutral=neutral):
            told = np.asarray(given.context.get(name, [np.nan])).astype(np.float64)
            return np.where(np.isnan(told), neutral, told)
        case Code(name=name, vocabulary=vocabulary):
            codes: dict[Any, float] = {word: float(i) for i, word in enumerate(vocabulary)}
            return np.array([codes.get(word, np.nan) for word in given.context.get(name, [None])])


def _known(column: Column) -> NDArray[np.bool_]:
    """Where a column holds a value: not None, not NaN."""
    if column.dtype != object:
        return np.asarray(column == column)  # noqa: PLR0124  only NaN differs from itself
    return np.array([value is not None and value == value for value in column], dtype=bool)  # noqa: PLR0124
