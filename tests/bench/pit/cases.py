"""Points in time computed by hand, on which stores differ. Each case is something that users rely on.

Times are of one day, in UTC; a view's rows are valid for two hours.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from feature_repo.stores.view_rows import MOMENT
from tests.bench.pit.rows import AT, CREATED, QUESTION
from tests.bench.pit.stores import STORES, View, opened

TTL = timedelta(hours=2)
Answers = dict[str, list[list[float | None]]]


@dataclass(frozen=True, slots=True)
class Case:
    """Questions to one view and their right answers, one each; rows are (keys …, time, created, value).

    known  whether only rows count that were created by then: asked with `filter_by_created_timestamp`
    zone   the time zone of the Spark session; stores without Spark have none
    """

    claim: str
    keys: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    asked: tuple[tuple[Any, ...], ...]
    right: tuple[float | None, ...]
    known: bool = False
    zone: str = "UTC"


ONE = ("user",)
CASES = (
    Case("compound keys (1, 23) and (12, 3) are two", ("a", "b"),
         ((1, 23, "10:00", "10:00", 100.0), (12, 3, "10:30", "10:30", 200.0)),
         ((1, 23, "11:00"), (12, 3, "11:00")), (100.0, 200.0)),
    Case("a row that the source holds twice is answered once", ONE,
         (("u", "10:00", "10:00", 5.0), ("u", "10:00", "10:00", 5.0)), (("u", "10:30"),), (5.0,)),
    Case("of two rows of one time the one created last counts", ONE,
         (("u", "10:00", "10:05", 2.0), ("u", "10:00", "10:30", 3.0)), (("u", "11:00"),), (3.0,)),
    Case("a value filled in later was not known: asked as usual", ONE,
         (("u", "10:00", "15:00", 4.0), ("u", "09:30", "09:30", 1.0)), (("u", "10:30"),), (1.0,)),
    Case("a value filled in later was not known: `filter_by_created_timestamp`", ONE,
         (("u", "10:00", "15:00", 4.0), ("u", "09:30", "09:30", 1.0)), (("u", "10:30"),), (1.0,), known=True),
    Case("a session in New York gives the same answers", ONE,
         (("u", "10:00", "10:00", 9.0),), (("u", "10:30"),), (9.0,), zone="America/New_York"),
    Case("an entity without rows keeps its question", ONE,
         (("u", "10:00", "10:00", 9.0),), (("nobody", "10:30"), ("u", "10:30")), (None, 9.0)),
    Case("a question before the first row keeps its place", ONE,
         (("u", "10:00", "10:00", 9.0),), (("u", "09:00"), ("u", "10:30")), (None, 9.0)),
    Case("a question twice gets two answers", ONE,
         (("u", "10:00", "10:00", 9.0),), (("u", "10:30"), ("u", "10:30")), (9.0, 9.0)),
    Case("a row as old as the time to live still counts, an older one does not", ONE,
         (("u", "08:00", "08:00", 7.0),), (("u", "10:00"), ("u", "10:01")), (7.0, None)),
    Case("the newest row is null: null, not the row before", ONE,
         (("u", "10:00", "10:00", 8.0), ("u", "11:00", "11:00", None)), (("u", "11:30"),), (None,)),
    Case("a question without a key has no answer", ONE,
         (("u", "10:00", "10:00", 9.0),), ((None, "10:30"), ("u", "10:30")), (None, 9.0)),
)  # fmt: skip


def run(store: str, folder: Path) -> None:
    """Write what a store answers to each case, or why it does not, to `folder/STORE-cases.json`."""
    answers: list[dict[str, Any]] = []
    for number, case in enumerate(CASES):
        at = folder / store / f"case{number}"
        try:
            answers.append({"answers": _answers(store, at, case)})
        except Exception as error:  # another's code: whatever it raises is its answer
            answers.append({"refused": f"{type(error).__name__}: {error}".splitlines()[0][:160]})
    (folder / f"{store}-cases.json").write_text(json.dumps(answers))


def outcomes(store: str, folder: Path) -> list[str]:
    """Of each case `right`, or what the store did instead."""
    said = json.loads((folder / f"{store}-cases.json").read_text())
    return [_outcome(store, case, answer) for case, answer in zip(CASES, said, strict=True)]


def _answers(store: str, folder: Path, case: Case) -> list[list[float | None]]:
    """Every answer of each question."""
    folder.mkdir(parents=True)
    types = [pa.int64() if key in "ab" else pa.string() for key in case.keys]
    schema = pa.schema([*zip(case.keys, types, strict=True), (AT, MOMENT), (CREATED, MOMENT), ("f", pa.float32())])
    rows = [dict(zip(schema.names, map(_moment, row), strict=True)) for row in case.rows]
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / "rows.parquet")
    view = View("view", folder / "rows.parquet", case.keys, ("f",), TTL, CREATED)
    asked = pd.DataFrame(
        [dict(zip((*case.keys, AT), map(_moment, question), strict=True)) for question in case.asked]
    ).assign(**{QUESTION: range(len(case.asked))})
    only_known = {"filter_by_created_timestamp": True} if case.known else {}
    feast = opened(store, folder, (view,), case.zone)
    answered = feast.get_historical_features(entity_df=asked, features=["view:f"], **only_known).to_df()
    return [[None if pd.isna(v) else float(v) for v in answered["f"][answered[QUESTION] == i]] for i in asked[QUESTION]]


def _outcome(store: str, case: Case, said: dict[str, Any]) -> str:
    if case.zone != "UTC" and not STORES[store].on_spark:
        return "–"
    if "refused" in said:
        return f"refuses: {said['refused']}"
    answers: list[list[float | None]] = said["answers"]
    if answers == [[right] for right in case.right]:
        return "right"
    if any(not of_question for of_question in answers):
        return "**drops the row**"
    if any(len(of_question) > 1 for of_question in answers):
        return f"**{sum(map(len, answers))} rows for {len(answers)}**"
    wrong = [
        f"{_said(got)} for {_said(right)}" for (got,), right in zip(answers, case.right, strict=True) if got != right
    ]
    return f"**{', '.join(wrong)}**"


def _said(value: float | None) -> str:
    return "null" if value is None else f"{value:g}"


def _moment(cell: Any) -> Any:
    if not (isinstance(cell, str) and ":" in cell):
        return cell
    hour, minute = map(int, cell.split(":"))
    return datetime(2026, 1, 1, hour, minute, tzinfo=UTC)
