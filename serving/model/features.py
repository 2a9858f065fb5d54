"""From states to the model's input: gathers the states that a release's features read, and computes the features."""

from collections.abc import Mapping
from copy import copy
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_repo.assembly import Plan
from feature_repo.counters import Seconds
from feature_repo.definition import CounterView, FeatureSet
from feature_repo.recipe import Recipe
from feature_repo.request_time import Counters, Inputs
from infra.arrays import Float32s, Int32s
from infra.errors import ReleaseMismatch
from serving.asker import UserState
from serving.definition import Policy
from serving.items import NUMBERS, Codes, ItemBlock, ItemStates
from serving.model.join_keys import JoinKeys
from validation.contract import unknown

AskerAttributes = Mapping[str, Any]
LOOKUPS = 1000  # that are remembered at most within a second


class Builder:
    """Builds the input of one release; raises ReleaseMismatch for features this process holds no states of."""

    def __init__(self, recipe: Recipe, defined: FeatureSet, policy: Policy, states: ItemStates) -> None:
        service = policy.service
        self.features, self._service, self._states = recipe.features, service, states
        reads = {name for feature in recipe.features for name in feature.reads()}
        counters = {f"{v.name}.{c}": v for v in defined.counter_views for c in v.counters}
        fields = {f"{v.name}.{f}": kind for v in defined.profile_views for f, (kind, _) in v.fields.items()}
        for name in sorted(reads - counters.keys() - fields.keys()):
            raise ReleaseMismatch(f"its features: {unknown(name, {**counters, **fields})} Retrain or roll back.")
        must_last_alike(recipe, defined)
        must_agree(recipe, {counters[name].name: counters[name] for name in reads & counters.keys()})
        self._views = list({v.name: v for name, v in counters.items() if name in reads}.values())
        self._none = {view.name: _nothing(view) for view in self._views}
        self._keys = {v.name: JoinKeys(states, service, [k for k in v.keys if k != service.user]) for v in self._views}
        self._decays = {view.name: (view.counters, np.array(view.half_lives)) for view in self._views}
        self._plan = Plan(recipe.features, self._decays, recipe.ttl_s)
        of_users = [name for look in defined.lookups if look.on == service.user for name in look.columns]
        self._borrowed = {name: f"{policy.release.user_view}.{name}" for name in of_users}
        self._second, self._lookups = 0, dict[tuple[object, ...], tuple[Float32s, Seconds]]()
        self._numeric = {name: kind in NUMBERS for name, kind in fields.items() if name in reads}

    def twin(self) -> "Builder":
        """The same for another thread: each remembers its own look-ups."""
        other = copy(self)
        other._second, other._lookups = 0, {}
        return other

    def matrix(
        self, block: ItemBlock, user: UserState, asker: AskerAttributes, context: Mapping[str, Any], now: float
    ) -> Float32s:
        """The model's input (items, features) float32 for a block of items, all counters decayed to now."""
        places = dict[str, Int32s]()
        asker = self._described(asker, user)
        counters = {
            view.name: Counters(*self._gather(view, block, user, asker, now, places), *self._decays[view.name])
            for view in self._views
        }
        fields = {name: self._field(name, block, user, places) for name in self._numeric}
        moment = {name: np.array([value], dtype=object) for name, value in context.items()}
        return self._plan.matrix(Inputs(len(block.rows), np.array([now]), counters, fields, moment, places))

    def _described(self, asker: AskerAttributes, user: UserState) -> AskerAttributes:
        """The asker's attributes without those that training takes only from a profile, where the profile has none."""
        missing = {name for name, field in self._borrowed.items() if user.profile.get(field) is None}
        return {name: value for name, value in asker.items() if name not in missing}

    def _gather(
        self,
        view: CounterView,
        block: ItemBlock,
        user: UserState,
        asker: AskerAttributes,
        now: float,
        places: dict[str, Int32s],
    ) -> tuple[Float32s, Seconds]:
        """A view's counters and when they were published, by entry, and in `places` the entry each item has."""
        if view.keys == (self._service.item,):
            return block.counters(view.name)
        keys = self._keys[view.name]
        if self._service.user in view.keys:
            shared = user.mixed.get(view.name)
            if shared is not None:
                places[view.name] = shared.places(keys.of_items(keys.of_asker(asker), block))
            own = shared or user.counters.get(view.name)
            return (own.values, own.at) if own else self._none[view.name]
        asker_codes, words = keys.of_asker(asker), keys.words(block)
        if words is None:
            return self._read(view, keys.of_items(asker_codes, block))
        places[view.name] = words
        return self._of_all_words(view, keys, asker_codes, now)

    def _of_all_words(
        self, view: CounterView, keys: JoinKeys, asker_codes: tuple[int, ...], now: float
    ) -> tuple[Float32s, Seconds]:
        """The counters of every word of a vocabulary, looked up once a second: no change is known faster."""
        if int(now) != self._second or len(self._lookups) == LOOKUPS:
            self._second, self._lookups = int(now), {}
        lookup = view.name, keys.known_words, asker_codes
        counters = self._lookups.get(lookup)
        if counters is None:
            counters = self._lookups[lookup] = self._read(view, keys.of_words(asker_codes))
        return counters

    def _read(self, view: CounterView, codes: list[Codes]) -> tuple[Float32s, Seconds]:
        table = self._states.counters[view.name]
        return table.gather(codes[0] if len(codes) == 1 else table.index.find_all(np.stack(codes, axis=1)))

    def _field(self, name: str, block: ItemBlock, user: UserState, places: dict[str, Int32s]) -> NDArray[Any]:
        column = block.field(name)
        if column is None:
            value = user.profile.get(name)
            return np.array([value], dtype=np.float64 if self._numeric[name] else object)
        vocabulary = self._states.vocabulary(name)
        if vocabulary is None:
            return column
        words: NDArray[Any] = vocabulary.array()
        if len(words) > len(column):
            words = words[column]
        else:  # fewer words than items: an entry a word is enough
            places[name] = column
        return words


def must_last_alike(recipe: Recipe, defined: FeatureSet) -> None:
    """Raises ReleaseMismatch when the release was trained with another lifetime of counters."""
    trained, here = timedelta(seconds=recipe.ttl_s), defined.ttl
    if trained != here:
        raise ReleaseMismatch(
            f"its counters count for {trained}, those of this checkout for {here} (`ttl`). Retrain or roll back."
        )


def must_agree(recipe: Recipe, views: Mapping[str, CounterView]) -> None:
    """Raises ReleaseMismatch when the release was trained on views that are defined otherwise here."""
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


def _nothing(view: CounterView) -> tuple[Float32s, Seconds]:
    return np.zeros((1, len(view.counters)), dtype=np.float32), np.full(1, np.nan)
