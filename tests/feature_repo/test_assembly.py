"""Inputs make the same bits however they are given: an entry a row, one for all, or distinct entries and places."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from msgspec.structs import replace

from feature_repo.assembly import Plan, assemble
from feature_repo.counters import decay
from feature_repo.feature_values import spread
from feature_repo.request_time import Age, Count, Counters, Feature, Hour, Inputs, Match, Number, Rate
from infra.arrays import Float32s
from infra.errors import DefinitionError

NOW = 1_777_000_000.0
NAMES, LIVES = ("played_1h", "heard_1h", "heard_1d"), np.array([3600.0, 3600.0, 86_400.0])
VIEWS = ("listener", "song", "mood", "listener_mood")
FEATURES: tuple[Feature, ...] = (
    *(Rate(f"{view}_heard", f"{view}.heard_1h", f"{view}.played_1h", 0.5, 4.0) for view in VIEWS),
    Hour("hour"),
    *(Count(f"{view}_day", f"{view}.heard_1d") for view in VIEWS),
    Rate("song_for_its_mood", "song.heard_1d", "mood.heard_1d", 1.0, 2.0),
    Rate("listener_for_the_song", "listener.heard_1h", "song.heard_1d", 1.0, 5.0),
    Number("length", "song.length"),
    Age("age", "song.since"),
    Match("liked", "person.mood", "song.mood"),
    Match("alike", "song.mood", "song.theme"),
)
PLACED = ("mood", "listener_mood", "song.mood")


def counters(draw: Any, entries: int) -> Counters:
    values = draw(
        arrays.arrays(np.float32, (entries, 3), elements=st.one_of(st.floats(-1, 1e6, width=32), st.just(np.nan)))
    )
    at = draw(
        arrays.arrays(np.float64, (entries,), elements=st.one_of(st.floats(NOW - 1e7, NOW + 60), st.just(np.nan)))
    )
    return Counters(values, at, NAMES, LIVES)


def words(draw: Any, entries: int) -> Any:
    column = np.empty(entries, dtype=object)
    column[:] = draw(st.lists(st.sampled_from(["calm", "wild", None]), min_size=entries, max_size=entries))
    return column


@st.composite
def requests(draw: Any) -> Inputs:
    """As serving gives them: one listener, many songs, of few moods."""
    rows, moods = draw(st.integers(0, 30)), draw(st.integers(1, 5))
    places = draw(arrays.arrays(np.int32, (rows,), elements=st.integers(0, moods - 1)))
    songs, moments = arrays.arrays(np.float32, (rows,)), arrays.arrays(np.float64, (rows,), elements=st.floats(0, NOW))
    entries = {"listener": 1, "song": rows, "mood": moods, "listener_mood": moods}
    return Inputs(
        rows, np.array([NOW]), {view: counters(draw, entries[view]) for view in VIEWS},
        {
            "song.length": draw(songs), "song.since": draw(moments), "person.mood": words(draw, 1),
            "song.mood": words(draw, moods), "song.theme": words(draw, rows),
        },
        {}, dict.fromkeys(PLACED, places),
    )  # fmt: skip


def row_by_row(request: Inputs) -> Inputs:
    """The same as training gives it."""

    def each(column: Any, name: str) -> Any:
        column = spread(column, request.places.get(name))
        return np.repeat(column, request.rows, axis=-1) if column.shape[-1] == 1 != request.rows else column

    views = {
        view: replace(states, values=each(states.values.T, view).T, at=each(states.at, view))
        for view, states in request.counters.items()
    }
    fields = {name: each(column, name) for name, column in request.fields.items()}
    return Inputs(request.rows, np.full(request.rows, NOW), views, fields, {})


@given(requests())
@settings(deadline=None)
def test_entries_and_places_make_the_same_bits_as_rows(request: Inputs) -> None:
    assert assemble(FEATURES, request).tobytes() == assemble(FEATURES, row_by_row(request)).tobytes()


@given(requests())
@settings(deadline=None, max_examples=30)
def test_features_decay_counters_as_everything_else_does(request: Inputs) -> None:
    states = request.counters["song"]
    matrix = assemble([Count(name, f"song.{name}") for name in NAMES], replace(request, counters={"song": states}))
    decayed = decay(states.values, states.at, request.now, LIVES)
    np.testing.assert_allclose(matrix, np.log1p(np.maximum(decayed, 0)), rtol=1e-5, atol=1e-6)


def test_one_state_for_all_is_decayed_to_the_moment_of_each_row() -> None:
    one = Counters(np.ones((1, 3), dtype=np.float32), np.array([NOW]), NAMES, LIVES)
    moments = NOW + np.array([0.0, 1.0, 2.0]) * LIVES[NAMES.index("heard_1d")]
    matrix = assemble([Count("day", "song.heard_1d")], Inputs(3, moments, {"song": one}, {}, {}))
    np.testing.assert_allclose(np.expm1(matrix[:, 0]), [1, 0.5, 0.25], rtol=1e-6)


@given(requests())
@settings(deadline=None, max_examples=30)
def test_a_plan_serves_inputs_of_every_shape(request: Inputs) -> None:
    plan = Plan(FEATURES, dict.fromkeys(VIEWS, (NAMES, LIVES)))
    first = plan.matrix(request)
    assert plan.matrix(row_by_row(request)).tobytes() == first.tobytes() == plan.matrix(request).tobytes()


@pytest.mark.parametrize(("age", "counted"), [(60.0, True), (60.5, False), (-5.0, True)], ids=["old", "older", "ahead"])
def test_a_state_that_is_too_old_counts_nothing(age: float, counted: bool) -> None:
    states = Counters(np.full((1, 3), 8.0, np.float32), np.array([NOW - age]), NAMES, np.full(3, np.inf))
    plan = Plan([Count("day", "song.heard_1d")], {"song": (NAMES, np.full(3, np.inf))}, ttl=60.0)
    matrix: Float32s = plan.matrix(Inputs(1, np.array([NOW]), {"song": states}, {}, {}))
    assert matrix.tolist() == [[np.log1p(np.float32(8.0)) if counted else 0.0]]


def test_a_counter_that_no_view_has_is_named() -> None:
    with pytest.raises(DefinitionError, match=r"feature day: its inputs hold no `song\.heard_2d`"):
        Plan([Count("day", "song.heard_2d")], {"song": (NAMES, LIVES)})
