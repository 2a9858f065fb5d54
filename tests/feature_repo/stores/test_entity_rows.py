"""Entity rows in the forms people bring: read alike, or refused in a sentence."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from feature_repo.stores.entity_rows import ask
from infra.errors import DefinitionError
from infra.settings import Settings

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def nowhere(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def frame(*moments: Any, **more: Any) -> pd.DataFrame:
    return pd.DataFrame({"event_timestamp": list(moments), "sensor": ["A"] * len(moments), **more})


@pytest.mark.parametrize(
    "moment",
    [
        NOON,
        NOON.replace(tzinfo=None),
        pd.Timestamp(NOON).tz_convert("Asia/Tokyo"),
        "2026-01-01T12:00:00Z",
        "2026-01-01 12:00:00",
        "2026-01-01T14:00:00+02:00",
        "2026-01-01T12:00:00.000000",
    ],
    ids=str,
)
def test_one_moment_is_the_same_in_every_usual_form(nowhere: Settings, moment: Any) -> None:
    assert ask(frame(moment, moment), nowhere).first == NOON


def test_days_and_text_of_several_kinds_stand_for_moments(nowhere: Settings) -> None:
    assert ask(frame(date(2026, 1, 1)), nowhere).last == NOON.replace(hour=0)
    assert ask(frame("2026-01-01", "2026-01-01T12:00:00Z", None), nowhere).last == NOON
    assert ask(frame(*pd.Series(["2026-01-01T12:00Z"] * 2).astype("category")), nowhere).last == NOON


def test_no_rows_are_no_question_whatever_type_their_columns_have(nowhere: Settings) -> None:
    nothing = pd.DataFrame({"event_timestamp": [], "sensor": []})
    for empty in (frame(), nothing, frame(NOON).iloc[:0], pa.Table.from_pandas(frame(NOON)).slice(0, 0)):
        with pytest.raises(DefinitionError, match="has no value in any of 0 rows"):
            ask(empty, nowhere).first  # noqa: B018  it is asked for


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (frame("yesterday"), "`event_timestamp` holds what is no moment in ISO 8601.*yesterday"),
        (frame(1_767_268_800), "`event_timestamp` is of type int64, which is no moment"),
        (frame(NOON, sensor=[3], other=["x"]).drop(columns="event_timestamp"), "no column `event_timestamp`"),
        (pd.DataFrame({"event_timestamp": [NOON] * 2, "sensor": [1, "A"]}), "Give one type a column"),
        ([{"event_timestamp": NOON}], "a list is none of pandas frame"),
    ],
    ids=["a word", "seconds since the epoch", "no time", "numbers and text in one column", "no table"],
)
def test_what_is_no_question_is_said_in_a_sentence(nowhere: Settings, asked: Any, words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        ask(asked, nowhere)
