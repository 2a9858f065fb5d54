"""What is kept of a view's past gives the same answers as all of it, and does not grow with it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.stores import asof_history
from feature_repo.stores.asof_offline_store import ROW, join_in_process
from feature_repo.stores.view_rows import CREATED, MOMENT, TIME, ViewRows

START = datetime(2026, 5, 1, tzinfo=UTC)
VIEW = ViewRows("v", None, {"key": "key"}, {"x": "x"}, "time", "created", timedelta(0))
hours = st.integers(0, 8)
published = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), hours, st.none() | hours, st.integers(0, 3)), max_size=20
)
asked = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(2, 9)), min_size=1, max_size=6)


def moments(values: list[Any]) -> pa.Array:
    return pa.array([None if v is None else START + timedelta(hours=v) for v in values], MOMENT)


def rows_of(given_rows: list[tuple[Any, ...]]) -> pa.Table:
    keys, times, created, values = ([row[i] for row in given_rows] for i in range(4))
    columns = {"key": pa.array(keys, pa.string()), TIME: moments(times), CREATED: moments(created)}
    return pa.table(columns | {"x": pa.array(values, pa.float32())})


@given(published, asked, st.integers(1, 5), st.booleans())
@settings(max_examples=150, deadline=None)
def test_questions_get_the_answers_that_all_rows_would_give(
    known: list[tuple[Any, ...]], questions: list[tuple[str, int]], at_once: int, by_created: bool
) -> None:
    rows = rows_of(known)
    ask = pa.table({
        ROW: np.arange(len(questions)), "key": [key for key, _ in questions], TIME: moments([h for _, h in questions])
    })  # fmt: skip
    first = int((START + timedelta(hours=min(h for _, h in questions))).timestamp() * 1e6)
    parts = [rows.slice(start, at_once) for start in range(0, len(rows) or 1, at_once)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asof_history, "AT_ONCE", at_once)
        rows_needed = asof_history.needed(parts, VIEW, first, by_created)
    assert join_in_process(ask, rows_needed, VIEW, by_created)["x"].to_pylist() == (
        join_in_process(ask, rows, VIEW, by_created)["x"].to_pylist()
    )


def test_a_year_of_days_before_the_first_question_leaves_a_row_an_entity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asof_history, "AT_ONCE", 1_000)
    days = [rows_of([(f"k{i}", 24 * day, None, day) for i in range(100)]) for day in range(366)]
    rows_needed = asof_history.needed(days, VIEW, int((START + timedelta(days=364)).timestamp() * 1e6), False)
    assert len(rows_needed) == 200, "the newest row of each entity, and the day after the question"
    assert set(rows_needed["x"].to_pylist()) == {364.0, 365.0}
