"""A feature set that contradicts itself is refused where it is written; a recipe carries one whole."""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from feature_repo.definition import CounterView, FeatureSet, ProfileView, Signal, seconds
from feature_repo.recipe import digest, read_recipe, recipe_of
from feature_repo.request_time import Age, Code, Context, Count, Hour, Match, Number, Rate
from feature_repo.systems.home_feed import HOME_FEED_FEATURES
from infra.errors import DefinitionError

PLAYED = Signal("played", "plays", "a play")
LISTENER = CounterView("listener", ("listener",), {"played": ("1h", "30d")}, "a listener")
SONG = ProfileView("song", "songs", ("song",), {"mood": ("String", "mood"), "since": ("Int64", "since")}, "a song")
FEATURES = (
    Count("plays", "listener.played_1h"), Rate("rate", "listener.played_1h", "listener.played_30d", 0.5, 3.0),
    Number("length", "song.since"), Age("age", "song.since"), Match("same", "song.mood", "song.mood"), Hour("hour"),
    Context("position", 1.0), Code("device", ("phone", "tv")),
)  # fmt: skip
RADIO = FeatureSet("radio", 2, "us", {"listener": "who", "song": "what"}, (), (PLAYED,), (LISTENER,), (SONG,), FEATURES)


@pytest.mark.parametrize(("change", "said"), [
    ({"signals": ()}, "counter view listener: signal `played`"),
    ({"signals": (PLAYED, PLAYED)}, "signal `played` is defined 2 times"),
    ({"entities": {"listener": "who", "songs": "what"}}, "view song: entity `song`.*`songs`"),
    ({"features": (Count("a", "listener.played_2h"),)}, "feature a `listener.played_2h`.*`listener.played_1h`"),
    ({"features": (Count("a", "song.since"),)}, "feature a `song.since`"),
    ({"features": (Age("a", "listener.played_1h"),)}, "feature a `listener.played_1h`"),
    ({"features": (Hour("a"), Hour("a"))}, "feature `a` is defined 2 times"),
    ({"features": (Hour("The Hour"),)}, "lower-case"),
    ({"counter_views": (replace(LISTENER, counts={"played": ("1h", "1h", "30d")}),)}, "`played_1h` is defined 2 times"),
    ({"ever_done": ("listener.played_30d",)}, "of counters of two entities, ever_done `listener.played_30d`"),
    ({"counter_views": (LISTENER, replace(LISTENER, name="song"))}, "view `song` is defined 2 times"),
    ({"profile_views": (replace(SONG, fields=dict(SONG.fields) | {"created": ("Int64", "at")}),)}, "`created`"),
    ({"profile_views": (replace(SONG, fields=dict(SONG.fields) | {"song": ("String", "song")}),)}, "`song`.* 2 times"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_a_contradiction_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        replace(RADIO, **change)


@pytest.mark.parametrize(("label", "length"), [("10m", 600.0), ("6h", 21_600.0), ("30d", 2_592_000.0)])
def test_half_lives_are_written_as_people_say_them(label: str, length: float) -> None:
    assert seconds(label) == length


@pytest.mark.parametrize("label", ["0h", "h", "1w", "1.5h", "-1h", "1 hour", ""])
def test_anything_else_is_no_half_life(label: str) -> None:
    with pytest.raises(DefinitionError, match=f"half-life `{label}`"):
        replace(LISTENER, counts={"played": (label,)})


def test_a_recipe_says_all_that_serving_needs() -> None:
    recipe = read_recipe(recipe_of(RADIO))
    assert recipe.service == "radio_v2"
    assert recipe.features == FEATURES
    assert recipe.names == tuple(feature.name for feature in FEATURES)
    (view,) = recipe.counter_views
    assert (view.keys, view.counters) == (("listener",), ("played_1h", "played_30d"))
    assert np.array_equal(view.seconds(), [3600.0, 2_592_000.0])
    assert recipe.profile_views[0].fields == {"mood": "String", "since": "Int64"}


def test_equal_definitions_have_equal_digests_and_others_do_not() -> None:
    reordered = replace(SONG, fields=dict(reversed(SONG.fields.items())))
    assert digest(recipe_of(replace(RADIO, profile_views=(reordered,)))) == digest(recipe_of(RADIO))
    assert digest(recipe_of(replace(RADIO, features=FEATURES[::-1]))) != digest(recipe_of(RADIO))
    assert msgspec.json.encode(read_recipe(recipe_of(HOME_FEED_FEATURES)), order="sorted") == recipe_of(
        HOME_FEED_FEATURES
    )


def test_a_recipe_with_an_unknown_kind_of_feature_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="Magic"):
        read_recipe(recipe_of(RADIO).replace(b'"Hour"', b'"Magic"'))
