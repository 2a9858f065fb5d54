"""Lineage: what was joined is measured against the moment the row was shown, and what nobody knows is not passed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_repo.definition import CounterView, FeatureSet, ProfileView, Signal
from feature_repo.request_time import Age, Context, Count, Hour, Since
from training.rows.lineage import measured

SHOWN = pd.Timestamp(datetime(2026, 5, 3, 12, tzinfo=UTC))
FEATURES = FeatureSet(
    name="zoo", version=1, owner="tests", entities={"keeper": "a keeper"}, lookups=(),
    signals=(Signal("fed", "meals", "an animal was fed"),),
    counter_views=(CounterView("by_keeper", ("keeper",), {"fed": ("1h",)}, "a keeper's meals"),),
    profile_views=(ProfileView("keeper_profile", "keepers", ("keeper",), {"hired": ("Int64", "hired")}, "a keeper"),),
    features=(
        Count("meals", "by_keeper.fed_1h"), Age("tenure", "keeper_profile.hired"), Hour("hour"), Context("mood", 0.0),
    ),
)  # fmt: skip


def joined(**changed: Any) -> pd.DataFrame:
    """Two rows, of which the second has no state and no description."""
    columns = {
        "event_timestamp": [SHOWN, SHOWN],
        "by_keeper__fed_1h": [2.0, np.nan],
        "by_keeper__published_at": [SHOWN.timestamp() - 60, np.nan],
        "by_keeper__known_at": [SHOWN - pd.Timedelta(60, "s"), pd.NaT],
        "keeper_profile__hired": [1.0, np.nan],
        "keeper_profile__known_at": [SHOWN - pd.Timedelta(3600, "s"), pd.NaT],
        "mood": [1.0, 2.0],
        "known_at:mood": [SHOWN, SHOWN],
    } | changed
    return pd.DataFrame({name: values for name, values in columns.items() if values is not None})


def after(frame: pd.DataFrame) -> dict[str, float]:
    """How long after it was used each feature was known."""
    return {line.feature: line.known_after_s for line in measured(frame, FEATURES)}


def test_each_feature_is_as_old_as_the_row_that_was_joined() -> None:
    assert after(joined()) == {"meals": -60.0, "tenure": -3600.0, "hour": 0.0, "mood": 0.0}


def test_a_description_joined_from_the_day_after_is_a_day_late() -> None:
    late = joined(keeper_profile__known_at=[SHOWN + pd.Timedelta(1, "D"), pd.NaT])
    assert after(late)["tenure"] == 86_400.0


@pytest.mark.parametrize("told", ["published_at", "known_at"])
def test_a_counter_is_known_since_the_later_of_what_its_row_and_its_store_say(told: str) -> None:
    later = [SHOWN + pd.Timedelta(9, "s"), pd.NaT]
    assert after(joined(**{f"by_keeper__{told}": later}))["meals"] == 9.0


NOBODY_KNOWS = {
    "a store that tells no moments": ("tenure", {"keeper_profile__known_at": None}),
    "a description without a moment": ("tenure", {"keeper_profile__known_at": [pd.NaT, pd.NaT]}),
    "a counter without a moment": ("meals", {"by_keeper__known_at": [pd.NaT, pd.NaT]}),
    "one value of many without a moment": ("mood", {"known_at:mood": [SHOWN, pd.NaT]}),
    "a context column filled in by somebody": ("mood", {"known_at:mood": None}),
}


@pytest.mark.parametrize("case", NOBODY_KNOWS)
def test_what_nobody_knows_is_not_a_number(case: str) -> None:
    feature, changed = NOBODY_KNOWS[case]
    assert np.isnan(after(joined(**changed))[feature])


def test_what_was_never_given_and_rows_without_any_value_know_nothing() -> None:
    assert after(joined(mood=None, **{"known_at:mood": None}))["mood"] == 0.0
    nothing = {name: [np.nan, np.nan] for name in joined().columns if name.startswith(("by_keeper", "keeper"))}
    assert after(joined(**nothing))["meals"] == 0.0


@pytest.mark.parametrize(("moments", "known"), [
    ({}, 0.0), ({"known_at:asked": [SHOWN + pd.Timedelta(9, "s"), pd.NaT]}, 9.0), ({"known_at:due": None}, np.nan),
])  # fmt: skip
def test_a_feature_of_two_columns_is_as_late_as_the_later_whichever_are_null(moments: Any, known: float) -> None:
    two = {"asked": [1.0, None], "due": [None, 2.0], "known_at:asked": [SHOWN, pd.NaT], "known_at:due": [pd.NaT, SHOWN]}
    features = replace(FEATURES, features=(Since("wait", "asked", "due"),))
    (line,) = measured(joined(**two | moments), features)
    np.testing.assert_equal(line.known_after_s, known)
