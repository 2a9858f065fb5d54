"""The recipe: how stored values become the model's input, as JSON that a release contains."""

import hashlib
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from feature_repo.counters import Seconds
from feature_repo.request_time import Feature

if TYPE_CHECKING:
    from feature_repo.definition import FeatureSet


class CounterRecipe(msgspec.Struct, frozen=True):
    """A counter view as stored: its keys, and its counters with their half-lives in seconds."""

    name: str
    keys: tuple[str, ...]
    counters: tuple[str, ...]
    half_lives: tuple[float, ...]

    def seconds(self) -> Seconds:
        """The half-lives as `decay` takes them."""
        return np.array(self.half_lives, dtype=np.float64)


class ProfileRecipe(msgspec.Struct, frozen=True):
    """A profile view as stored: its keys, and its fields with their Feast types."""

    name: str
    keys: tuple[str, ...]
    fields: dict[str, str]


class Recipe(msgspec.Struct, frozen=True, omit_defaults=True):
    """A feature service as data, without the code that defined it: what is stored, and its features in order.

    Counters published longer than `ttl_s` before a request count as none.
    """

    service: str
    counter_views: tuple[CounterRecipe, ...]
    profile_views: tuple[ProfileRecipe, ...]
    features: tuple[Feature, ...]
    ttl_s: float = 90 * 86_400.0

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in the model's order."""
        return tuple(feature.name for feature in self.features)


def recipe_of(features: "FeatureSet") -> bytes:
    """The recipe of a feature set in its one canonical form, so that equal definitions have equal digests."""
    recipe = Recipe(
        service=features.service,
        counter_views=tuple(CounterRecipe(v.name, v.keys, v.counters, v.half_lives) for v in features.counter_views),
        profile_views=tuple(
            ProfileRecipe(view.name, view.keys, {name: kind for name, (kind, _) in view.fields.items()})
            for view in features.profile_views
        ),
        features=features.features,
        ttl_s=features.ttl.total_seconds(),
    )
    return msgspec.json.encode(recipe, order="sorted")


def read_recipe(content: bytes) -> Recipe:
    """The recipe that a release carries; raises msgspec.ValidationError for anything else."""
    return msgspec.json.decode(content, type=Recipe)


def digest(content: bytes) -> str:
    """The sha256 by which releases and training sets name a recipe."""
    return hashlib.sha256(content).hexdigest()
