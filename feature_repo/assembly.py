"""Features put together: from states, attributes and the request to the model's input, for training and for serving."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import Floats, Seconds, decayed
from feature_repo.request_time import Count, Counters, Feature, Inputs, Rate, count, rate, spread, value
from validation.errors import DefinitionError

Views = Mapping[str, tuple[Sequence[str], Seconds]]
TOGETHER = 4096  # entries: views of so few are computed together, for numpy's calls cost more than its work


def assemble(features: Sequence[Feature], given: Inputs) -> Floats:
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
        self._features, self._ttl = features, ttl
        counted = [(row, feature) for row, feature in enumerate(features) if isinstance(feature, Count | Rate)]
        known = {f"{view}.{name}": view for view, (names, _) in views.items() for name in names}
        for _, feature in counted:
            for name in feature.reads():
                if name not in known:
                    raise _lacking(feature, name)
        self._of = {row: {known[name] for name in feature.reads()} for row, feature in counted}
        read = set().union(*self._of.values())
        self._views = {view: held for view, held in views.items() if view in read}
        self._across = [(row, f) for row, f in counted if isinstance(f, Rate) and len(self._of[row]) > 1]
        self._others = [(row, f) for row, f in enumerate(features) if not isinstance(f, Count | Rate)]
        self._levels: dict[tuple[str, ...], _Level] = {}

    def matrix(self, given: Inputs) -> Floats:
        """The model's input: (rows, features) float32."""
        columns, lent = np.empty((len(self._features), given.rows), dtype=np.float32), dict[str, Floats]()
        for views in self._together(given):
            level, places = self._level(views), given.places.get(views[0])
            counters = level.counters([given.counters[view] for view in views], given.now, self._ttl)
            columns[level.rows] = spread(level.features(counters), places)
            lent |= {name: spread(counters[i], places) for name, i in level.lends.items()}
        for row, crossing in self._across:
            columns[row] = rate(
                lent[crossing.of], lent[crossing.per], crossing.prior * crossing.strength, crossing.strength
            )
        for row, feature in self._others:
            try:
                columns[row] = value(feature, given)
            except KeyError as missing:
                raise _lacking(feature, missing.args[0]) from missing
        return np.ascontiguousarray(columns.T)

    def _together(self, given: Inputs) -> list[tuple[str, ...]]:
        """The views by what their entries stand for: the rows, everything at once, or what the same places point to."""
        groups: dict[object, list[str]] = {}
        for view in self._views:
            entries = len(given.counters[view].at)
            alike = (id(given.places.get(view)), entries) if entries <= TOGETHER else view
            groups.setdefault(alike, []).append(view)
        return [tuple(group) for group in groups.values()]

    def _level(self, views: tuple[str, ...]) -> "_Level":
        found = self._levels.get(views)
        if found is None:
            own = [(row, self._features[row]) for row, of in self._of.items() if len(of) == 1 and of <= {*views}]
            lent = {name for _, crossing in self._across for name in crossing.reads()}
            found = self._levels[views] = _Level({view: self._views[view] for view in views}, own, lent)
        return found


class _Level:
    """Views whose entries stand for the same: their counters one below the other, and the features made of each view.

    rows   (features,) which columns of the plan they are
    lends  places of the counters that features of several views read
    """

    def __init__(self, views: Views, features: Sequence[tuple[int, Feature]], lent: set[str]) -> None:
        names = [f"{view}.{name}" for view, (names, _) in views.items() for name in names]
        place = {name: i for i, name in enumerate(names)}
        lives = [(i, life) for i, (_, half_lives) in enumerate(views.values()) for life in half_lives]
        distinct = list(dict.fromkeys(lives))  # counters share a few half-lives; exp2 is what costs
        self._fading = np.array([distinct.index(life) for life in lives])
        self._view, self._half_lives = np.array([i for i, _ in distinct]), np.array([life for _, life in distinct])
        rates = [(row, f) for row, f in features if isinstance(f, Rate)]
        counts = [(row, f) for row, f in features if isinstance(f, Count)]
        self.rows = _numbers([row for row, _ in (*rates, *counts)])
        self.lends = {name: place[name] for name in lent & place.keys()}
        self._of, self._per = _numbers([place[f.of] for _, f in rates]), _numbers([place[f.per] for _, f in rates])
        self._counts = _numbers([place[f.of] for _, f in counts])
        self._added = np.array([[f.prior * f.strength] for _, f in rates], dtype=np.float32)
        self._strength = np.array([[f.strength] for _, f in rates], dtype=np.float32)

    def counters(self, held: Sequence[Counters], now: Seconds, ttl: float) -> Floats:
        """(counters, entries) as they stand now."""
        at = np.concatenate([view.at for view in held]).reshape(len(held), -1)
        ages = np.maximum(now - at, 0.0)
        np.copyto(ages, np.nan, where=ages > ttl)
        published = np.concatenate([view.values.T for view in held], dtype=np.float64)
        return decayed(published, ages.take(self._view, axis=0), self._half_lives, self._fading)

    def features(self, counters: Floats) -> Floats:
        """(features, entries) from those."""
        made = np.empty((len(self.rows), counters.shape[1]), dtype=np.float32)
        rates = len(self._of)
        if rates:
            made[:rates] = rate(
                counters.take(self._of, axis=0), counters.take(self._per, axis=0), self._added, self._strength
            )
        if rates < len(made):
            made[rates:] = count(counters.take(self._counts, axis=0))
        return made


def _numbers(numbers: Sequence[int]) -> NDArray[np.intp]:
    return np.array(numbers, dtype=np.intp)


def _lacking(feature: Feature, name: str) -> DefinitionError:
    return DefinitionError(f"feature {feature.name}: its inputs hold no `{name}`")
