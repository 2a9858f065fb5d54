"""Features of the moment of the request: one definition, called by training on columns and by serving on arrays.

A feature is a value (a small struct): a release carries its own recipe as JSON, and serving needs nothing else.
`feature_values` computes them and `assembly` puts them together.

What a feature is made from has a name: `view.counter` or `view.field` is stored, a name without a dot is a column of
the request itself (in training: of the table of decisions). Moments are seconds since the epoch, null is None or NaN.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import Seconds
from infra.arrays import Float32s, Int32s

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


class _Kind(msgspec.Struct, frozen=True):
    """What every kind of feature tells of itself; `FROM` are its parameters that hold names."""

    FROM: ClassVar[tuple[str, ...]] = ()

    def names(self) -> tuple[str, ...]:
        """Everything this feature is made from."""
        return tuple(name for name in (getattr(self, parameter) for parameter in self.FROM) if name)

    def reads(self) -> tuple[str, ...]:
        """The `view.counter` and `view.field` names this feature is made from."""
        return tuple(name for name in self.names() if "." in name)

    def given(self) -> tuple[str, ...]:
        """The columns of the request that this feature is made from."""
        return tuple(name for name in self.names() if "." not in name)


class Count(_Kind, frozen=True, tag=True):
    """log(1 + decayed counter)."""

    FROM = ("of",)
    name: str
    of: str


class Rate(_Kind, frozen=True, tag=True):
    """(decayed numerator + prior · strength) / (decayed denominator + strength): a smoothed ratio of two counters."""

    FROM = ("of", "per")
    name: str
    of: str
    per: str
    prior: float
    strength: float


class Number(_Kind, frozen=True, tag=True):
    """log(1 + a number), 0 for one below 0, NaN where it is unknown."""

    FROM = ("of",)
    name: str
    of: str


class Plain(_Kind, frozen=True, tag=True):
    """A number as it is, NaN where it is unknown; also one that already is a prediction, which a model corrects."""

    FROM = ("of",)
    name: str
    of: str


class Age(_Kind, frozen=True, tag=True):
    """log(1 + hours) from a moment to that of the request, 0 for a later one, NaN where it is unknown."""

    FROM = ("of",)
    name: str
    of: str


class Since(_Kind, frozen=True, tag=True):
    """Hours from one moment until another, or until the request; below 0 where that is earlier, NaN where unknown."""

    FROM = ("of", "until")
    name: str
    of: str
    until: str = ""


class Against(_Kind, frozen=True, tag=True):
    """log(number / its usual value), NaN where one of them is unknown or not above 0.

    The usual value is `usual`, a number or a counter; with `per` it is the smoothed ratio of two counters, (decayed
    `usual` + prior · strength) / (decayed `per` + strength), as in a Rate. With a strength of 0 it is the plain mean of
    what was counted, and unknown where nothing was.
    """

    FROM = ("of", "usual", "per")
    name: str
    of: str
    usual: str
    per: str = ""
    prior: float = 0.0
    strength: float = 0.0


class Match(_Kind, frozen=True, tag=True):
    """1 where two values are equal, 0 where they differ, NaN where either is unknown."""

    FROM = ("of", "to")
    name: str
    of: str
    to: str


class Hour(_Kind, frozen=True, tag=True, omit_defaults=True):
    """Hour of the day, 0 to 24, UTC: of the request, or of the moment named; NaN where that is unknown."""

    FROM = ("of",)
    name: str
    of: str = ""


class Weekday(_Kind, frozen=True, tag=True):
    """Day of the week, Monday 0 to Sunday 6, UTC: of the request, or of the moment named; NaN where it is unknown."""

    FROM = ("of",)
    name: str
    of: str = ""


class Holiday(_Kind, frozen=True, tag=True):
    """1 on one of these days (written 2026-12-25), else 0, UTC; NaN where the moment named is unknown."""

    FROM = ("of",)
    name: str
    days: tuple[date, ...]
    of: str = ""


class Distance(_Kind, frozen=True, tag=True):
    """Kilometres between two places on the globe, each a latitude and a longitude in degrees; NaN where unknown."""

    FROM = ("latitude", "longitude", "to_latitude", "to_longitude")
    name: str
    latitude: str
    longitude: str
    to_latitude: str
    to_longitude: str


class Context(_Kind, frozen=True, tag=True):
    """A number of the request itself, or `neutral` where the request has none, as for the position in serving."""

    FROM = ("name",)
    name: str
    neutral: float


class Code(_Kind, frozen=True, tag=True, omit_defaults=True):
    """Place of a word in a fixed vocabulary, NaN for other words and where there is none.

    The word is the request's column of the feature's own name, or what `of` names.
    """

    name: str
    vocabulary: tuple[str, ...]
    of: str = ""

    def names(self) -> tuple[str, ...]:
        """The word's name."""
        return (self.of or self.name,)


class Recent(_Kind, frozen=True, tag=True):
    """How many rows of a table had the same `by` in the `within_s` seconds before the request; NaN where `by` is null.

    Exact, and without the row itself. With `amount` it is the sum of that column in place of their number. The service
    counts as it decides, and training counts the table's rows again by the same rule (`feature_repo.recent`); both give
    the value under the feature's own name.
    """

    FROM = ("name",)
    name: str
    of: str
    by: str
    within_s: float
    amount: str = ""


OtherFeature = (
    Number | Plain | Age | Since | Against | Match | Hour | Weekday | Holiday | Distance | Context | Code | Recent
)  # fmt: skip
Feature = Count | Rate | OtherFeature
MAY_COUNT = (Count, Rate, Against)
"""The kinds that may be made from counters."""
