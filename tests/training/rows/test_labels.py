"""What counts as the outcome of an impression, and when that can be said."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from feature_repo.definition import FeatureSet, Lookup
from feature_repo.request_time import Context, Hour
from infra.errors import DefinitionError
from infra.lake import Lake
from training.contenders import ByColumn
from training.definition import FallbackLists, Outcome, Task
from training.rows import labels
from validation.contract import Column, Table

NOON = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)
LATE = datetime(2026, 5, 5, 0, 0, tzinfo=UTC)
TIMES = (Column("at", "timestamp", "when"), Column("known", "timestamp", "since when"))
WORDS = ("shelf", "reader", "book")


def table(name: str, key: tuple[str, ...], *columns: Column, versioned: bool = False) -> Table:
    """A table of the test library."""
    return Table(name, "a row", "tests", key, "at", "known", (*columns, *TIMES), versioned=versioned)


def word(name: str, nullable: bool = False) -> Column:
    """A column of words."""
    return Column(name, "string", name, nullable=nullable)


BOOKS = table("books", ("book",), word("book"), word("genre"), versioned=True)
SHOWN = table(
    "shown", ("shelf", "book"), *map(word, WORDS), Column("place", "int32", "place", nullable=True, logged=True)
)
DONE = table(
    "done", ("act",), word("act"), word("shelf", nullable=True), word("reader"), word("book"), word("what"),
    Column("pages", "float32", "pages read", nullable=True),
)  # fmt: skip
TABLES = {t.name: t for t in (BOOKS, SHOWN, DONE)}
FEATURES = FeatureSet(
    name="library", version=1, owner="tests", entities={"book": "a book", "genre": "a genre"},
    lookups=(Lookup("books", "book", {"genre": "genre"}),), signals=(), counter_views=(), profile_views=(),
    features=(Hour("hour"), Context("place", neutral=1.0)),
)  # fmt: skip
TASK = Task(
    name="library", decisions="shown", outcomes_in="done", match=("reader", "book"), exact=("shelf",),
    outcomes=(
        Outcome("opened", "what = 'open'", "opened", gain=1),
        Outcome("lent", "what = 'lend' AND genre = 'crime'", "lent", gain=3, window=timedelta(minutes=60)),
        Outcome("burnt", "what = 'burn'", "burnt", veto=True),
    ),
    target="opened", unit="shelf", cluster="reader", item="book", attribute="genre",
    contenders=(ByColumn("by_hour", "hour"),),
    fallback_lists=FallbackLists("book", "none", "genre", "none", ()), grace=timedelta(minutes=10),
    judge_where="lent > 0",
)  # fmt: skip


def minutes(after: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=after)


def show(shelf: str, at: float = 0, reader: str = "r", book: str = "b", known: float | None = None) -> dict[str, Any]:
    """A row shown."""
    return {"shelf": shelf, "reader": reader, "book": book, "place": 1, "at": minutes(at),
            "known": minutes(at if known is None else known)}  # fmt: skip


def do(
    what: str, at: float, shelf: str | None = None, known: float | None = None, act: str = "", **more: Any
) -> dict[str, Any]:
    """Something a reader did."""
    return {"act": act or f"{what}-{at}-{shelf}", "shelf": shelf, "reader": "r", "book": "b", "what": what,
            "pages": None, "at": minutes(at), "known": minutes(at if known is None else known), **more}  # fmt: skip


def deliver(lake: Lake, table: Table, rows: list[dict[str, Any]]) -> None:
    """Accept rows, each on the day it was received."""
    for day in {row["known"].date() for row in rows}:
        mine = [row for row in rows if row["known"].date() == day]
        lake.append(f"tables/{table.name}", day, pa.Table.from_pylist(mine, schema=table.schema))


@pytest.fixture
def lake(tmp_path: Any) -> Lake:
    """A lake that knows one book, since an hour before noon."""
    lake = Lake(tmp_path)
    deliver(lake, BOOKS, [{"book": "b", "genre": "crime", "at": minutes(-60), "known": minutes(-60)}])
    return lake


def built(
    spark: Any, lake: Lake, shown: list[dict[str, Any]], done: list[dict[str, Any]], as_of: datetime = LATE,
          task: Task = TASK, features: FeatureSet = FEATURES) -> pd.DataFrame:  # fmt: skip
    """The labels of these events, by shelf."""
    deliver(lake, SHOWN, shown)
    deliver(lake, DONE, done)
    days = (date(2026, 5, 3), date(2026, 5, 4))
    return labels.build_labels(spark, lake, task, features, TABLES, as_of, *days).set_index("shelf", drop=False)


def test_an_outcome_counts_for_the_impression_it_names_else_for_the_latest_before_it(spark: Any, lake: Lake) -> None:
    shown = [show("s1", 0), show("s2", 10), show("s3", 20), show("other", 12, reader="somebody else")]
    found = built(spark, lake, shown, [do("open", 25, "s1"), do("open", 15)])
    assert found["opened"].to_dict() == {"s1": 1.0, "s2": 1.0, "s3": 0.0, "other": 0.0}


def test_an_outcome_counts_for_none_that_names_none_shown_or_happened_before_and_names_none(
    spark: Any, lake: Lake
) -> None:
    found = built(spark, lake, [show("s1")], [do("open", 5, "s9"), do("open", -0.01)])
    assert found["opened"].tolist() == [0.0]


def test_a_clock_that_is_behind_at_midnight_loses_nothing(spark: Any, lake: Lake) -> None:
    found = built(spark, lake, [show("s1", at=-720)], [do("open", -720.01, "s1")])
    assert found["opened"].tolist() == [1.0], "its file is of the day before the first that is asked for"


def test_only_what_happens_within_the_window_counts(spark: Any, lake: Lake) -> None:
    cases = {
        "at the moment of showing": ("open", 0, 1.0),
        "at the window's last moment": ("open", 30, 1.0),
        "after it": ("open", 30.01, 0.0),
        "named, and dated before it by another clock": ("open", -0.01, 1.0),
        "as far before it as a door takes": ("open", -1, 1.0),
        "before that": ("open", -1.01, 0.0),
        "an outcome with a longer window of its own": ("lend", 59, 1.0),
        "after that one too": ("lend", 60.01, 0.0),
    }
    done = [do(what, at, why, known=120) for why, (what, at, _) in cases.items()]
    found = built(spark, lake, [show(why) for why in cases], done)
    assert found[["opened", "lent"]].sum(axis=1).to_dict() == {why: counts for why, (_, _, counts) in cases.items()}


def test_gain_is_the_best_outcome_unless_one_vetoes(spark: Any, lake: Lake) -> None:
    done = (
        [do("open", 1, s) for s in ("s1", "s2", "s3")]
        + [do("lend", 2, s) for s in ("s2", "s3")]
        + [do("burn", 3, "s3")]
    )
    found = built(spark, lake, [show(s) for s in ("s1", "s2", "s3", "s4")], done)
    assert found["gain"].to_dict() == {"s1": 1.0, "s2": 3.0, "s3": 0.0, "s4": 0.0}
    assert found["opened"].to_dict() == {"s1": 1.0, "s2": 1.0, "s3": 1.0, "s4": 0.0}
    assert found["judged"].to_dict() == {"s1": False, "s2": True, "s3": True, "s4": False}


@pytest.mark.parametrize(("as_of", "rows"), [(69.99, 0), (70, 1)])
def test_a_row_appears_once_its_longest_window_and_the_grace_have_passed(
    spark: Any, lake: Lake, as_of: float, rows: int
) -> None:
    assert len(built(spark, lake, [show("s1")], [], as_of=minutes(as_of))) == rows


def test_what_was_received_after_the_moment_asked_for_is_not_known(spark: Any, lake: Lake) -> None:
    shown = [show("s1"), show("s2", known=200)]
    found = built(spark, lake, shown, [do("open", 1, "s1", known=101)], as_of=minutes(100))
    assert found["opened"].to_dict() == {"s1": 0.0}


def test_an_event_delivered_twice_counts_once_and_a_row_too(spark: Any, lake: Lake) -> None:
    found = built(spark, lake, [show("s1"), show("s1")], [do("open", 1, "s1"), do("open", 1, "s1", known=2)])
    assert found["opened"].tolist() == [1.0]


def test_an_attribute_is_borrowed_only_if_it_was_known_when_the_row_was_shown(spark: Any, lake: Lake) -> None:
    deliver(lake, BOOKS, [{"book": "new", "genre": "poetry", "at": minutes(0), "known": minutes(5)}])
    found = built(spark, lake, [show("s1", 4, book="new"), show("s2", 6, book="new"), show("s3")], [])
    assert found["genre"].fillna("unknown").to_dict() == {"s1": "unknown", "s2": "poetry", "s3": "crime"}


def test_a_context_column_taken_from_outcomes_says_when_it_was_known(spark: Any, lake: Lake) -> None:
    features = replace(FEATURES, features=(Hour("hour"), Context("pages", neutral=0.0)))
    found = built(spark, lake, [show("s1"), show("s2")], [do("open", 1, "s1", known=9, pages=7.0)], features=features)
    assert found.loc["s1", "pages"] == 7.0
    assert found.loc["s1", "known_at:pages"] == pd.Timestamp(minutes(9))
    assert pd.isna(found.loc["s2", "known_at:pages"])


def test_a_context_column_has_a_moment_only_where_it_is_declared_as_logged(spark: Any, lake: Lake) -> None:
    found = built(spark, lake, [show("s1"), {**show("s2"), "place": None}], [])
    assert found["known_at:place"].tolist() == [pd.Timestamp(NOON), pd.NaT]
    undeclared = replace(SHOWN, columns=tuple(replace(column, logged=False) for column in SHOWN.columns))
    tables = {**TABLES, "shown": undeclared}
    days = (date(2026, 5, 3), date(2026, 5, 4))
    assert "known_at:place" not in labels.build_labels(spark, lake, TASK, FEATURES, tables, LATE, *days)


def test_a_context_column_is_what_came_with_the_row_and_not_what_a_later_delivery_says(spark: Any, lake: Lake) -> None:
    found = built(spark, lake, [{**show("s1", known=30), "place": 9}, {**show("s1"), "place": 2}], [])
    assert found["place"].tolist() == [2]


def test_labels_are_stored_by_the_day_a_row_was_shown(spark: Any, lake: Lake) -> None:
    found = built(spark, lake, [show("s1"), show("s2", at=24 * 60 - 300)], [])
    labels.save_labels(lake, "labels", found, [date(2026, 5, 3), date(2026, 5, 4)])
    assert lake.read("labels", [date(2026, 5, 4)])["shelf"].to_pylist() == ["s2"]


def test_a_definition_that_names_no_column_is_refused_with_the_nearest_name(spark: Any, lake: Lake) -> None:
    with pytest.raises(DefinitionError, match="Did you mean `reader`"):
        built(spark, lake, [show("s1")], [], task=replace(TASK, cluster="readr"))
