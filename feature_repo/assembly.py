"""Features put together: from states, attributes and the request to the model's input, for training and for serving."""

from collections.abc import Mapping, Sequence
from math import exp2, log1p

import numpy as np

from feature_repo.counters import Seconds
from feature_repo.request_time import EACH, Count, Counters, Feature, Inputs, Rate, value
from infra.arrays import Float32s, Int32s, Int64s
from infra.errors import DefinitionError
from infra.loops import loop

Views = Mapping[str, tuple[Sequence[str], Seconds]]


def assemble(features: Sequence[Feature], given: Inputs) -> Float32s:
    """The model's input: (rows, features) float32, in the order of `features`, every counter decayed to `now`.

    However a column is given (an entry a row, one for all, or entries and places), it makes the same bits. Raises
    DefinitionError when an input lacks what a feature reads; what is merely unknown (None, NaN, no state) is for each
    feature to say.
    """
    return Plan(features, {view: (held.names, held.half_lives) for view, held in given.counters.items()}).matrix(given)


class Plan:
    """How some features are made from views with these counters and half-lives: found out once, for many inputs.

    A state older than `ttl` seconds counts as none.
    """

    def __init__(self, features: Sequence[Feature], views: Views, ttl: float = np.inf) -> None:
        self._features, self._ttl = len(features), ttl
        known = {f"{view}.{name}": view for view, (names, _) in views.items() for name in names}
        counted = [(row, feature) for row, feature in enumerate(features) if isinstance(feature, Count | Rate)]
        for _, feature in counted:
            for name in feature.reads():
                if name not in known:
                    raise _lacking(feature, name)
        of = {row: {known[name] for name in feature.reads()} for row, feature in counted}
        self._across = [(row, f) for row, f in counted if isinstance(f, Rate) and len(of[row]) > 1]
        self._others = [(row, f) for row, f in enumerate(features) if not isinstance(f, Count | Rate)]
        self._views = {
            view: _View(view, *held, [(row, feature) for row, feature in counted if of[row] == {view}])
            for view, held in views.items() if any(view in read for read in of.values())
        }  # fmt: skip

    def matrix(self, given: Inputs) -> Float32s:
        """The model's input: (rows, features) float32, a feature's values side by side in memory."""
        columns = np.empty((self._features, given.rows), dtype=np.float32)
        stand = {
            view: made.write(given.counters[view], given.now, self._ttl, given.places.get(view, EACH), columns)
            for view, made in self._views.items()
        }
        for row, crossing in self._across:
            both = np.zeros((2, given.rows + 1), dtype=np.float32)
            for i, name in enumerate(crossing.reads()):
                both[i, :-1] = self._row_by_row(name, stand, given)
            _write(both, EACH, _numbers([(row, 0, 1)]), _smoothing([crossing]), columns)
        for row, feature in self._others:
            try:
                said, places = value(feature, given)
            except KeyError as missing:
                raise _lacking(feature, missing.args[0]) from missing
            _fill(said, places, columns, row, given.rows)
        return columns.T

    def _row_by_row(self, name: str, stand: Mapping[str, Float32s], given: Inputs) -> Float32s:
        """(rows | 1,) one counter as it stands."""
        view, _, counter = name.partition(".")
        entries: Float32s = stand[view][self._views[view].place[counter]]
        return entries[given.places[view]] if view in given.places else entries[:-1]


class _View:
    """The features made of one view's counters, and how."""

    def __init__(
        self, view: str, names: Sequence[str], half_lives: Seconds, features: Sequence[tuple[int, Feature]]
    ) -> None:  # fmt: skip
        self.place = {name: i for i, name in enumerate(names)}
        self._half_lives, self._fading = np.unique(half_lives, return_inverse=True)
        places = {f"{view}.{name}": i for name, i in self.place.items()}
        self._made = _numbers([(row, *_pair([places[name] for name in feature.reads()])) for row, feature in features])
        self._smoothing = _smoothing([feature for _, feature in features])

    def write(self, held: Counters, now: Seconds, ttl: float, places: Int32s, columns: Float32s) -> Float32s:
        """Write this view's features; returns its counters as they stand, (counters, entries + 1), the last of none."""
        entries = len(now) if len(held.at) == 1 else len(held.at)
        stand = np.empty((len(self.place), entries + 1), dtype=np.float32)
        kept = np.empty(len(self._half_lives))
        _stand(held.values, held.at, now, ttl, self._half_lives, self._fading, kept, stand, entries)
        _write(stand, places, self._made, self._smoothing, columns)
        return stand


@loop(
    "int64(read(float32[:, :]), read(float64[:]), read(float64[:]), float64, read(float64[:]), read(int64[:]), "
    "float64[:], float32[:, :], int64)"
)
def _stand(
    values: Float32s, at: Seconds, now: Seconds, ttl: float, half_lives: Seconds, fading: Int64s, kept: Seconds,
    stand: Float32s, entries: int,
) -> int:  # fmt: skip
    """Counters as they stand now, those of no entry (the last) included: 0 where nothing is known.

    `counters.decay` says the same of the many rows of a thread in the background, which must give Python's lock away.
    """
    for entry in range(entries):
        own = entry if len(at) > 1 else 0
        age = max(now[entry if len(now) > 1 else 0] - at[own], 0.0)
        for life in range(len(half_lives)):
            kept[life] = exp2(-age / half_lives[life])
        for counter in range(len(fading)):
            stands = values[own, counter] * kept[fading[counter]]
            known = age <= ttl and stands == stands  # noqa: PLR0124  NaN differs from itself
            stand[counter, entry] = stands if known else 0.0
    for counter in range(len(fading)):
        stand[counter, entries] = 0.0
    return entries


def _write(stand: Float32s, places: Int32s, made: Int64s, smoothing: Seconds, columns: Float32s) -> None:
    """Write features made of counters as they stand; `made` holds of each its row, and the counters it is made of."""
    entries, rows = stand.shape[1], columns.shape[1]
    _features(stand, np.empty(entries, dtype=np.float32), places, made, smoothing, columns, rows)


@loop(
    "int64(read(float32[:, :]), float32[:], read(int32[:]), read(int64[:, :]), read(float64[:, :]), float32[:, :], "
    "int64)"
)
def _features(
    stand: Float32s, said: Float32s, places: Int32s, made: Int64s, smoothing: Seconds, columns: Float32s, rows: int
) -> int:  # fmt: skip
    """Counts, log(1 + c), and rates, (c + prior · strength) / (d + strength), of each entry; then those of the rows."""
    for feature in range(len(made)):
        row = made[feature, 0]
        of = made[feature, 1]
        per = made[feature, 2]
        for entry in range(len(said)):
            if per < 0:
                said[entry] = log1p(max(np.float64(stand[of, entry]), 0.0))
            else:
                said[entry] = (stand[of, entry] + smoothing[feature, 0]) / (stand[per, entry] + smoothing[feature, 1])
        if len(places) > 0:
            for i in range(rows):
                columns[row, i] = said[places[i]]
        elif len(said) > 2:
            for i in range(rows):
                columns[row, i] = said[i]
        else:
            one = said[0]
            for i in range(rows):
                columns[row, i] = one
    return len(made)


@loop("int64(read(float64[:]), read(int32[:]), float32[:, :], int64, int64)")
def _fill(said: Seconds, places: Int32s, columns: Float32s, row: int, rows: int) -> int:
    """Write what one feature says of each entry to its rows."""
    for i in range(rows):
        own = i if len(said) > 1 else 0
        columns[row, i] = said[places[i] if len(places) > 0 else own]
    return rows


def _pair(of: Sequence[int]) -> tuple[int, int]:
    return (of[0], of[1]) if len(of) > 1 else (of[0], -1)


def _numbers(made: Sequence[tuple[int, int, int]]) -> Int64s:
    return np.array(made, dtype=np.int64).reshape(-1, 3)


def _smoothing(features: Sequence[Feature]) -> Seconds:
    """(features, 2) what is added above and below; nothing to a Count."""
    added = [(f.prior * f.strength, f.strength) if isinstance(f, Rate) else (0.0, 0.0) for f in features]
    return np.array(added).reshape(-1, 2)


def _lacking(feature: Feature, name: str) -> DefinitionError:
    return DefinitionError(f"feature {feature.name}: its inputs hold no `{name}`")
