"""From states to the model's input: gathers what a release's features read and calls the function that makes them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import Floats, Seconds
from feature_repo.definition import CounterView, FeatureSet
from feature_repo.recipe import Recipe
from feature_repo.request_time import Counters, Inputs, assemble
from serving.definition import Policy
from serving.item_states import NUMBERS, Codes, ItemStates
from serving.user_state import Tastes, UserState
from validation.contract import unknown
from validation.errors import ReleaseMismatch

Asker = Mapping[str, Any]
Pair = tuple[int, ...]
Groups = dict[tuple[str, ...], tuple[list[Pair], NDArray[np.intp]]]


class Builder:
    """Builds the input of one release; raises ReleaseMismatch for features this process holds no states of."""

    def __init__(self, recipe: Recipe, defined: FeatureSet, policy: Policy, states: ItemStates) -> None:
        self.features, self._user, self._states = recipe.features, policy.user, states
        self._ttl = defined.ttl.total_seconds()
        reads = {name for feature in recipe.features for name in feature.reads()}
        counters = {f"{v.name}.{c}": v for v in defined.counter_views for c in v.counters}
        fields = {f"{v.name}.{f}": kind for v in defined.profile_views for f, (kind, _) in v.fields.items()}
        for name in sorted(reads - counters.keys() - fields.keys()):
            raise ReleaseMismatch(f"its features: {unknown(name, {**counters, **fields})} Retrain or roll back.")
        _must_agree(recipe, {counters[name].name: counters[name] for name in reads & counters.keys()})
        self._views = list({v.name: v for name, v in counters.items() if name in reads}.values())
        self._numeric = {name: kind in NUMBERS for name, kind in fields.items() if name in reads}

    def matrix(self, rows: Codes, user: UserState, asker: Asker, context: Mapping[str, Any], now: float) -> Floats:
        """The model's input (rows, features) float32 for items, all counters decayed to now."""
        groups: Groups = {}
        counters = {}
        for view in self._views:
            values, at = self._gather(view, rows, user, asker, groups)
            alive = np.where(now - at > self._ttl, np.nan, at)
            counters[view.name] = Counters(values, alive, view.counters, np.array(view.half_lives))
        fields = {name: self._field(name, rows, user) for name in self._numeric}
        said = {name: np.array([value], dtype=object) for name, value in context.items()}
        return assemble(self.features, Inputs(len(rows), np.array([now]), counters, fields, said))

    def _gather(
        self, view: CounterView, rows: Codes, user: UserState, asker: Asker, groups: Groups
    ) -> tuple[Floats, Seconds]:  # fmt: skip
        if view.keys == (self._user,):
            record = user.counters.get(view.name)
            return (record.values, record.at) if record else _nothing(view)
        if len(view.keys) == 1:
            return self._states.counters[view.name].gather(self._codes(view.keys[0], rows, asker))
        if self._user in view.keys:
            others = [self._codes(key, rows, asker) for key in view.keys if key != self._user]
            return _shared(user.mixed.get(view.name), view, others)
        pairs, place = self._pairs(view, rows, asker, groups)
        table = self._states.counters[view.name]
        values, at = table.gather(table.index.find_all(pairs))
        return values[place], at[place]

    def _field(self, name: str, rows: Codes, user: UserState) -> NDArray[Any]:
        column = self._states.field(name, rows)
        if column is None:
            value = user.profile.get(name)
            return np.array([value], dtype=np.float64 if self._numeric[name] else object)
        vocabulary = self._states.vocabulary(name)
        return column if vocabulary is None else vocabulary.array()[column]

    def _pairs(
        self, view: CounterView, rows: Codes, asker: Asker, groups: Groups
    ) -> tuple[list[Pair], NDArray[np.intp]]:
        """The distinct combinations of a view's keys without the asker's, and which of them each item has."""
        names = tuple(key for key in view.keys if key != self._user)
        if names not in groups:
            groups[names] = _distinct([self._codes(name, rows, asker) for name in names])
        return groups[names]

    def _codes(self, key: str, rows: Codes, asker: Asker) -> Codes:
        codes = self._states.keys_of(key, rows)
        if codes is not None:
            return codes
        return np.full(len(rows), self._states.words[key].find(asker.get(key)), dtype=np.int32)


def _must_agree(recipe: Recipe, views: Mapping[str, CounterView]) -> None:
    """Raises ReleaseMismatch when the release was trained on states that are kept otherwise here."""
    trained = {view.name: view for view in recipe.counter_views}
    for name, here in views.items():
        there = trained.get(name)
        if there is None or (there.keys, there.counters, there.half_lives) != (
            here.keys,
            here.counters,
            here.half_lives,
        ):
            raise ReleaseMismatch(
                f"its view {name} is not the one this checkout keeps states of. Retrain or roll back."
            )


def _distinct(columns: Sequence[Codes]) -> tuple[list[Pair], NDArray[np.intp]]:
    if len(columns) == 1:
        found, place = np.unique(columns[0], return_inverse=True)
        return [(int(code),) for code in found], place
    pairs, place = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    return [tuple(int(code) for code in pair) for pair in pairs], place.reshape(-1)


def _shared(tastes: Tastes | None, view: CounterView, others: Sequence[Codes]) -> tuple[Floats, Seconds]:
    """Counters of combinations with the asker; those Redis has no record of have nothing counted."""
    values, at = _nothing(view)
    if tastes is None:
        return values, at
    place = tastes.places(others)
    return np.concatenate([tastes.values, values])[place], np.concatenate([tastes.at, at])[place]


def _nothing(view: CounterView) -> tuple[Floats, Seconds]:
    return np.zeros((1, len(view.counters)), dtype=np.float32), np.full(1, np.nan)
