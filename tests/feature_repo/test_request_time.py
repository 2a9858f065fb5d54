"""Request-time features: what each says, also of the unknown; arrays and frames make the same bits."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.assembly import assemble
from feature_repo.definition import CounterView, FeatureSet, ProfileView, Signal
from feature_repo.from_frame import inputs_from_frame
from feature_repo.request_time import (
    Age,
    Code,
    Context,
    Count,
    Counters,
    Feature,
    Hour,
    Inputs,
    Match,
    Number,
    Rate,
)
from infra.errors import DefinitionError

NOW = 1_777_000_000.0
NAN = float("nan")
FEATURES: tuple[Feature, ...] = (
    Count("count", "listener.played_1h"),
    Rate("rate", "listener.heard_1h", "listener.played_1h", 0.5, 4.0),
    Number("length", "song.length"),
    Age("age", "song.since"),
    Match("same", "person.mood", "song.mood"),
    Hour("hour"),
    Context("position", 1.0),
    Code("device", ("phone", "tv")),
)
RADIO = FeatureSet(
    "radio", 1, "us", {"listener": "who", "song": "what"}, (),
    (Signal("played", "plays", "a play"), Signal("heard", "plays", "a play heard")),
    (CounterView("listener", ("listener",), {"played": ("1h",), "heard": ("1h",)}, "a listener"),),
    (
        ProfileView("person", "people", ("listener",), {"mood": ("String", "mood")}, "a person"),
        ProfileView("song", "songs", ("song",), {
            "mood": ("String", "mood"), "length": ("Float32", "length"), "since": ("Int64", "since"),
        }, "a song"),
    ), FEATURES,
)  # fmt: skip


def words(*values: str | float | None) -> np.ndarray[Any, Any]:
    """A column of words, some of them missing."""
    return np.array(values, dtype=object)


def inputs(rows: int = 1, **changed: Any) -> Inputs:
    """Inputs of one listener, with some of them replaced."""
    fields = {
        "person.mood": words("calm"), "song.mood": words("calm"), "song.length": np.array([99.0], np.float32),
        "song.since": np.array([NOW - 3 * 3600]),
    }  # fmt: skip
    context = {"position": np.array([4]), "device": words("tv")}
    values, at = changed.pop("values", [[8.0, 4.0]]), changed.pop("at", [NOW - 3600])
    counters = Counters(
        np.array(values, np.float32), np.array(at), ("played_1h", "heard_1h"), np.array([3600.0, 3600.0])
    )
    return Inputs(
        rows, np.array(changed.pop("now", [NOW])), {"listener": counters},
        fields | {k: v for k, v in changed.items() if "." in k},
        context | {k: v for k, v in changed.items() if "." not in k},
    )  # fmt: skip


def test_each_feature_by_hand() -> None:
    (row,) = assemble(FEATURES, inputs())
    hour = NOW % 86_400 / 3600
    expected = [np.log1p(4), (2 + 2) / (4 + 4), np.log1p(99), np.log1p(3), 1.0, hour, 4.0, 1.0]
    np.testing.assert_allclose(row, expected, rtol=1e-6)
    assert row.dtype == np.float32


@pytest.mark.parametrize(("name", "given", "expected"), [
    ("count", {"at": [NAN]}, 0.0),
    ("count", {"at": [NAN], "values": [[NAN, NAN]]}, 0.0),
    ("rate", {"at": [NAN], "values": [[NAN, NAN]]}, 0.5),
    ("count", {"values": [[-1e-9, 0.0]]}, 0.0),
    ("length", {"song.length": words(None)}, NAN),
    ("length", {"song.length": np.array([NAN], np.float32)}, NAN),
    ("length", {"song.length": np.array([-3.0])}, 0.0),
    ("age", {"song.since": words(None)}, NAN),
    ("age", {"song.since": np.array([int(NOW)])}, 0.0),
    ("age", {"song.since": np.array([NOW + 60])}, 0.0),
    ("same", {"song.mood": words("wild")}, 0.0),
    ("same", {"song.mood": words(None)}, NAN),
    ("same", {"song.mood": words(None), "person.mood": words(None)}, NAN),
    ("same", {"person.mood": words(NAN)}, NAN),
    ("same", {"person.mood": np.array(["calm"])}, 1.0),
    ("same", {"person.mood": np.array([2.0]), "song.mood": np.array([2.0])}, 1.0),
    ("same", {"person.mood": np.array([NAN]), "song.mood": np.array([2.0])}, NAN),
    ("position", {"position": np.array([NAN])}, 1.0),
    ("position", {"position": words(None)}, 1.0),
    ("device", {"device": words("fridge")}, NAN),
    ("device", {"device": words(None)}, NAN),
])  # fmt: skip
def test_the_unknown(name: str, given: dict[str, Any], expected: float) -> None:
    (row,) = assemble(FEATURES, inputs(**given))
    np.testing.assert_array_equal(row[[f.name for f in FEATURES].index(name)], expected)


def test_what_the_request_does_not_say_is_neutral_or_unknown() -> None:
    given = inputs()
    (row,) = assemble(FEATURES[-2:], Inputs(1, given.now, given.counters, given.fields, {}))
    np.testing.assert_array_equal(row, [1.0, NAN])


@pytest.mark.parametrize("name", ["count", "age"])
def test_inputs_without_what_a_feature_reads_are_refused(name: str) -> None:
    feature = next(f for f in FEATURES if f.name == name)
    with pytest.raises(DefinitionError, match=rf"feature {name}: its inputs hold no `{feature.reads()[0]}`"):
        assemble([feature], Inputs(1, np.array([NOW]), {}, {}, {}))


ROW = st.fixed_dictionaries({
    "played": st.floats(0, 1e6, width=32), "heard": st.floats(0, 1e6, width=32),
    "at": st.one_of(st.just(NAN), st.floats(NOW - 1e7, NOW)),
    "length": st.one_of(st.none(), st.floats(0, 1e5, width=32)),
    "since": st.one_of(st.none(), st.integers(0, int(NOW))), "mood": st.sampled_from(["calm", "wild", None]),
    "liked": st.sampled_from(["calm", None]), "position": st.one_of(st.none(), st.integers(1, 50)),
    "device": st.sampled_from(["phone", "tv", "fridge", None]),
})  # fmt: skip


def arrays_of(rows: list[dict[str, Any]]) -> Inputs:
    """Rows as serving has them."""
    column = {name: words(*(row[name] for row in rows)) for name in rows[0]}
    return inputs(
        len(rows), values=[[row["played"], row["heard"]] for row in rows], at=[row["at"] for row in rows],
        **{"song.mood": column["mood"], "person.mood": column["liked"], "song.since": column["since"]},
        **{"song.length": column["length"], "position": column["position"], "device": column["device"]},
    )  # fmt: skip


@given(ROW, st.integers(2, 40))
@settings(deadline=None)
def test_one_row_for_all_makes_the_same_bits_as_repeated_rows(row: dict[str, Any], count: int) -> None:
    alone = arrays_of([row])
    spread = Inputs(count, alone.now, alone.counters, alone.fields, alone.context)
    spread_matrix, matrix_of_rows = assemble(FEATURES, spread), assemble(FEATURES, arrays_of([row] * count))
    assert spread_matrix.tobytes() == matrix_of_rows.tobytes()


@given(st.lists(ROW, min_size=1, max_size=30))
@settings(deadline=None, max_examples=60)
def test_a_frame_of_historical_features_makes_the_same_bits_as_arrays(rows: list[dict[str, Any]]) -> None:
    rows = [row | {"at": np.floor(row["at"])} for row in rows]
    frame = pd.DataFrame({
        "event_timestamp": pd.to_datetime([int(NOW)] * len(rows), unit="s", utc=True),
        "listener__played_1h": np.array([row["played"] for row in rows], np.float32),
        "listener__heard_1h": np.array([row["heard"] for row in rows], np.float32),
        "listener__published_at": pd.to_datetime([row["at"] for row in rows], unit="s", utc=True),
        "person__mood": [row["liked"] for row in rows], "song__mood": [row["mood"] for row in rows],
        "song__length": np.array([row["length"] for row in rows], np.float32),
        "song__since": pd.array([row["since"] for row in rows], "Int64"),
        "position": [row["position"] for row in rows], "device": [row["device"] for row in rows],
    })  # fmt: skip
    matrix = assemble(FEATURES, inputs_from_frame(frame, RADIO, "event_timestamp"))
    assert matrix.tobytes() == assemble(FEATURES, arrays_of(rows)).tobytes()


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", None])
def test_moments_of_any_unit_and_zone_are_seconds(unit: str, zone: str | None) -> None:
    moments = pd.Series(pd.to_datetime([int(NOW), None], unit="s", utc=True)).astype(f"datetime64[{unit}, UTC]")
    moments = moments.dt.tz_convert(zone)
    zeros = {f"listener__{name}": [0.0, 0.0] for name in ("played_1h", "heard_1h")}
    empty = {name: [None, None] for name in ("person__mood", "song__mood", "song__length", "song__since")}
    frame = pd.DataFrame({"now": moments, "listener__published_at": moments} | zeros | empty)
    given = inputs_from_frame(frame, RADIO, "now")
    np.testing.assert_array_equal(given.now, [NOW, NAN])
    np.testing.assert_array_equal(given.counters["listener"].at, [NOW, NAN])


def test_a_frame_without_a_stored_column_is_refused() -> None:
    frame = pd.DataFrame({"now": pd.to_datetime([0], utc=True), "listener__played_2h": [0.0]})
    with pytest.raises(
        DefinitionError, match=r"`listener__played_1h` is not defined\. Did you mean `listener__played_2h`"
    ):
        inputs_from_frame(frame, RADIO, "now")
