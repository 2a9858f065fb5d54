"""Features put together: from states, attributes and the request to the model's input, for training and for serving."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import Floats, Seconds, decayed
from feature_repo.request_time import Count, Counters, Feature, Inputs, Rate, count, rate, spread, value
from validation.errors import DefinitionError

Views = Mapping[str, tuple[Sequence[str], Seconds]]
Kinds = tuple[tuple[str, ...], ...]  # views, by what their entries stand for
TOGETHER = 4096  # entries: views of so few are computed together, for numpy's calls cost more than its work
FEW = 64  # entries: of so few, also those whose entries stand for something else


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
        self._levels: dict[Kinds, _Level] = {}

    def matrix(self, given: Inputs) -> Floats:
        """The model's input: (rows, features) float32, a feature's values side by side in memory."""
        columns, lent = np.empty((len(self._features), given.rows), dtype=np.float32), dict[str, Floats]()
        for kinds in self._together(given):
            level = self._level(kinds)
            counters = level.counters([given.counters[view] for alike in kinds for view in alike], given.now, self._ttl)
            made = level.features(counters)
            for kind in level.kinds:
                entries = max(len(given.counters[kind.view].at), len(given.now))
                places = given.places.get(kind.view)
                columns[kind.rows] = spread(made[kind.made, :entries], places)
                lent |= {name: spread(counters[i, :entries], places) for name, i in kind.lends.items()}
        for row, crossing in self._across:
            columns[row] = rate(
                lent[crossing.of], lent[crossing.per], crossing.prior * crossing.strength, crossing.strength
            )
        for row, feature in self._others:
            try:
                columns[row] = value(feature, given)
            except KeyError as missing:
                raise _lacking(feature, missing.args[0]) from missing
        return columns.T

    def _together(self, given: Inputs) -> list[Kinds]:
        """What is computed at once: views whose entries stand for the same, and all such groups of few entries.

        Entries stand for the rows, for everything at once, or for what the same places point to.
        """
        groups: dict[object, list[str]] = {}
        for view in self._views:
            entries = len(given.counters[view].at)
            alike = (id(given.places.get(view)), entries) if entries <= TOGETHER else view
            groups.setdefault(alike, []).append(view)
        kinds = [tuple(alike) for alike in groups.values()]
        few = [alike for alike in kinds if len(given.now) == 1 and len(given.counters[alike[0]].at) <= FEW]
        return [*((alike,) for alike in kinds if alike not in few), *([tuple(few)] if few else [])]

    def _level(self, kinds: Kinds) -> "_Level":
        found = self._levels.get(kinds)
        if found is None:
            views = {view: self._views[view] for alike in kinds for view in alike}
            own = [
                (row, self._features[row], view)
                for row, of in self._of.items() if len(of) == 1 for view in of & views.keys()
            ]  # fmt: skip
            lent = {name for _, crossing in self._across for name in crossing.reads()}
            found = self._levels[kinds] = _Level(kinds, views, own, lent)
        return found


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a level makes of views whose entries stand for the same, of which `view` is one.

    rows   (features,) which columns of the plan they are
    made   (features,) where they stand among all that the level makes
    lends  places of the counters that features of several views read
    """

    view: str
    rows: NDArray[np.intp]
    made: NDArray[np.intp]
    lends: Mapping[str, int]


class _Level:
    """Views that are computed at once: their counters one below the other, and the features made of each view."""

    def __init__(
        self, kinds: Kinds, views: Views, features: Sequence[tuple[int, Feature, str]], lent: set[str]
    ) -> None:  # fmt: skip
        names = [(view, f"{view}.{name}") for view, (names, _) in views.items() for name in names]
        place = {name: i for i, (_, name) in enumerate(names)}
        lives = [(i, life) for i, (_, half_lives) in enumerate(views.values()) for life in half_lives]
        distinct = list(dict.fromkeys(lives))  # counters share a few half-lives; exp2 is what costs
        self._fading = np.array([distinct.index(life) for life in lives])
        self._view, self._half_lives = np.array([i for i, _ in distinct]), np.array([life for _, life in distinct])
        rates = [(row, f, view) for row, f, view in features if isinstance(f, Rate)]
        counts = [(row, f, view) for row, f, view in features if isinstance(f, Count)]
        self.kinds = [
            _Kind(
                alike[0],
                _numbers([row for row, _, view in (*rates, *counts) if view in alike]),
                _numbers([i for i, (_, _, view) in enumerate((*rates, *counts)) if view in alike]),
                {name: place[name] for view, name in names if view in alike and name in lent},
            )
            for alike in kinds
        ]
        self._of, self._per = (
            _numbers([place[f.of] for _, f, _ in rates]),
            _numbers([place[f.per] for _, f, _ in rates]),
        )
        self._counts = _numbers([place[f.of] for _, f, _ in counts])
        self._added, self._strength = (
            _each([f.prior * f.strength for _, f, _ in rates]),
            _each([f.strength for _, f, _ in rates]),
        )

    def counters(self, held: Sequence[Counters], now: Seconds, ttl: float) -> Floats:
        """(counters, entries) as they stand now; a view with fewer entries than another has nothing in the rest."""
        entries, first = max(len(view.at) for view in held), 0
        at, published = np.zeros((len(held), entries)), np.zeros((len(self._fading), entries), dtype=np.float32)
        for row, view in enumerate(held):
            here, last = slice(len(view.at)), first + len(view.names)
            at[row, here], published[first:last, here] = view.at, view.values.T
            first = last
        ages = np.maximum(now - at, 0.0)
        np.copyto(ages, np.nan, where=ages > ttl)
        return decayed(published, ages.take(self._view, axis=0), self._half_lives, self._fading)

    def features(self, counters: Floats) -> Floats:
        """(features, entries) from those."""
        rates = len(self._of)
        made = np.empty((rates + len(self._counts), counters.shape[1]), dtype=np.float32)
        of, per, counts = (counters.take(some, axis=0) for some in (self._of, self._per, self._counts))
        rate(of, per, self._added, self._strength, out=made[:rates])
        count(counts, out=made[rates:])
        return made


def _numbers(numbers: Sequence[int]) -> NDArray[np.intp]:
    return np.array(numbers, dtype=np.intp)


def _each(numbers: Sequence[float]) -> Floats:
    """(rows, 1), one number for all of a row."""
    return np.array(numbers, dtype=np.float32)[:, None]


def _lacking(feature: Feature, name: str) -> DefinitionError:
    return DefinitionError(f"feature {feature.name}: its inputs hold no `{name}`")
