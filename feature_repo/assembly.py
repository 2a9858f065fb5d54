"""Features put together: from states, attributes and the request to the model's input, for training and for serving."""

from collections.abc import Mapping, Sequence
from math import exp2, log1p

import numpy as np
from msgspec.structs import replace

from feature_repo.counters import Seconds
from feature_repo.feature_values import value
from feature_repo.request_time import EACH, Count, Counters, Feature, Inputs, Rate
from infra.arrays import Float32s, Int32s, Int64s
from infra.errors import DefinitionError
from infra.loops import loop

Views = Mapping[str, tuple[Sequence[str], Seconds]]


def assemble(features: Sequence[Feature], inputs: Inputs) -> Float32s:
    """The model's input: (rows, features) float32, in the order of `features`, every counter decayed to `now`.

    The three forms of a column (an entry for each row, one for all, or entries and places) give the same bits. Raises
    DefinitionError when an input lacks what a feature reads; each feature itself says what an unknown value (None, NaN,
    no state) becomes.
    """
    views = {view: (states.names, states.half_lives) for view, states in inputs.counters.items()}
    return Plan(features, views).matrix(inputs)


class Plan:
    """How features are made from views with these counters and half-lives; prepared once, used for many inputs.

    A state older than `ttl` seconds counts as none.
    """

    def __init__(self, features: Sequence[Feature], views: Views, ttl: float = np.inf) -> None:
        self._features, self._ttl = len(features), ttl
        view_of_counter = {f"{view}.{name}": view for view, (names, _) in views.items() for name in names}
        counter_features = [(row, feature) for row, feature in enumerate(features) if isinstance(feature, Count | Rate)]
        for _, feature in counter_features:
            for name in feature.reads():
                if name not in view_of_counter:
                    raise _lacking(feature, name)
        views_read = {row: {view_of_counter[name] for name in feature.reads()} for row, feature in counter_features}
        self._across = [(row, f) for row, f in counter_features if isinstance(f, Rate) and len(views_read[row]) > 1]
        self._others = [(row, f) for row, f in enumerate(features) if not isinstance(f, Count | Rate)]
        self._beside = {name: view_of_counter[name] for _, f in self._others for name in f.reads()
                        if name in view_of_counter}  # fmt: skip  # counters that a feature reads beside other values
        read = {*self._beside.values(), *(view for views_of_row in views_read.values() for view in views_of_row)}
        self._views = {
            view: _View(view, *names_and_lives, [(row, f) for row, f in counter_features if views_read[row] == {view}])
            for view, names_and_lives in views.items() if view in read
        }  # fmt: skip

    def matrix(self, inputs: Inputs) -> Float32s:
        """The model's input: (rows, features) float32, a feature's values side by side in memory."""
        columns = np.empty((self._features, inputs.rows), dtype=np.float32)
        current = {
            view: of_view.write(inputs.counters[view], inputs.now, self._ttl, inputs.places.get(view, EACH), columns)
            for view, of_view in self._views.items()
        }
        for row, crossing in self._across:
            both = np.zeros((2, inputs.rows + 1), dtype=np.float32)
            for i, name in enumerate(crossing.reads()):
                both[i, :-1] = self._row_by_row(name, current, inputs)
            _write(both, EACH, _as_array([(row, 0, 1)]), _smoothing([crossing]), columns)
        inputs = self._with_counters(inputs, current)
        for row, feature in self._others:
            try:
                entries, places = value(feature, inputs)
            except KeyError as missing:
                raise _lacking(feature, missing.args[0]) from missing
            _fill(entries, places, columns, row, inputs.rows)
        return columns.T

    def _with_counters(self, inputs: Inputs, current: Mapping[str, Float32s]) -> Inputs:
        """The inputs with the counters that are read beside other values, decayed, as fields of their own name."""
        if not self._beside:
            return inputs
        read = {name: self._row_by_row(name, current, inputs) for name in self._beside}
        return replace(inputs, fields={**inputs.fields, **read})

    def _row_by_row(self, name: str, current: Mapping[str, Float32s], inputs: Inputs) -> Float32s:
        """(rows | 1,) one counter, decayed to now."""
        view, _, counter = name.partition(".")
        entries: Float32s = current[view][self._views[view].place[counter]]
        return entries[inputs.places[view]] if view in inputs.places else entries[:-1]


class _View:
    """Makes the features that read counters of one view."""

    def __init__(
        self, view: str, names: Sequence[str], half_lives: Seconds, features: Sequence[tuple[int, Feature]]
    ) -> None:  # fmt: skip
        self.place = {name: i for i, name in enumerate(names)}
        self._half_lives, self._half_life_of = np.unique(half_lives, return_inverse=True)
        places = {f"{view}.{name}": i for name, i in self.place.items()}
        counters_of = [(row, *_pair([places[name] for name in feature.reads()])) for row, feature in features]
        self._counters_of = _as_array(counters_of)
        self._smoothing = _smoothing([feature for _, feature in features])

    def write(self, published: Counters, now: Seconds, ttl: float, places: Int32s, columns: Float32s) -> Float32s:
        """Write this view's features; returns its counters decayed to now, (counters, entries + 1), the last one 0."""
        entries = len(now) if len(published.at) == 1 else len(published.at)
        current = np.empty((len(self.place), entries + 1), dtype=np.float32)
        factors = np.empty(len(self._half_lives))
        lives, life_of = self._half_lives, self._half_life_of
        _decayed(published.values, published.at, now, ttl, lives, life_of, factors, current, entries)
        _write(current, places, self._counters_of, self._smoothing, columns)
        return current


@loop(
    "int64(read(float32[:, :]), read(float64[:]), read(float64[:]), float64, read(float64[:]), read(int64[:]), "
    "float64[:], float32[:, :], int64)"
)
def _decayed(
    values: Float32s, at: Seconds, now: Seconds, ttl: float, half_lives: Seconds, life_of: Int64s, factors: Seconds,
    current: Float32s, entries: int,
) -> int:  # fmt: skip
    """Write counters decayed to now, 0 where nothing is known; the last entry is that of rows without any.

    `counters.decay` computes the same for many rows in a background thread, which must release Python's lock.
    """
    for entry in range(entries):
        own = entry if len(at) > 1 else 0
        age = max(now[entry if len(now) > 1 else 0] - at[own], 0.0)
        for life in range(len(half_lives)):
            factors[life] = exp2(-age / half_lives[life])
        for counter in range(len(life_of)):
            decayed = values[own, counter] * factors[life_of[counter]]
            is_known = age <= ttl and decayed == decayed  # noqa: PLR0124  NaN differs from itself
            current[counter, entry] = decayed if is_known else 0.0
    for counter in range(len(life_of)):
        current[counter, entries] = 0.0
    return entries


def _write(current: Float32s, places: Int32s, features: Int64s, smoothing: Seconds, columns: Float32s) -> None:
    """Write features made of current counters; `features` holds for each its row and the counters it is made of."""
    entries, rows = current.shape[1], columns.shape[1]
    _features(current, np.empty(entries, dtype=np.float32), places, features, smoothing, columns, rows)


@loop(
    "int64(read(float32[:, :]), float32[:], read(int32[:]), read(int64[:, :]), read(float64[:, :]), float32[:, :], "
    "int64)"
)
def _features(
    current: Float32s, values: Float32s, places: Int32s, features: Int64s, smoothing: Seconds, columns: Float32s,
    rows: int,
) -> int:  # fmt: skip
    """Counts, log(1 + c), and rates, (c + prior · strength) / (d + strength), of each entry; then those of the rows."""
    for feature in range(len(features)):
        row = features[feature, 0]
        numerator = features[feature, 1]
        denominator = features[feature, 2]
        for entry in range(len(values)):
            if denominator < 0:
                values[entry] = log1p(max(np.float64(current[numerator, entry]), 0.0))
            else:
                above = current[numerator, entry] + smoothing[feature, 0]
                values[entry] = above / (current[denominator, entry] + smoothing[feature, 1])
        if len(places) > 0:
            for i in range(rows):
                columns[row, i] = values[places[i]]
        elif len(values) > 2:
            for i in range(rows):
                columns[row, i] = values[i]
        else:
            only_value = values[0]
            for i in range(rows):
                columns[row, i] = only_value
    return len(features)


@loop("int64(read(float64[:]), read(int32[:]), float32[:, :], int64, int64)")
def _fill(values: Seconds, places: Int32s, columns: Float32s, row: int, rows: int) -> int:
    """Write one feature's values of entries to its rows."""
    for i in range(rows):
        own = i if len(values) > 1 else 0
        columns[row, i] = values[places[i] if len(places) > 0 else own]
    return rows


def _pair(counters: Sequence[int]) -> tuple[int, int]:
    return (counters[0], counters[1]) if len(counters) > 1 else (counters[0], -1)


def _as_array(features: Sequence[tuple[int, int, int]]) -> Int64s:
    return np.array(features, dtype=np.int64).reshape(-1, 3)


def _smoothing(features: Sequence[Feature]) -> Seconds:
    """(features, 2) what is added to numerator and denominator; 0 for a Count."""
    added = [(f.prior * f.strength, f.strength) if isinstance(f, Rate) else (0.0, 0.0) for f in features]
    return np.array(added).reshape(-1, 2)


def _lacking(feature: Feature, name: str) -> DefinitionError:
    return DefinitionError(f"feature {feature.name}: its inputs hold no `{name}`")
