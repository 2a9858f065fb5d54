"""Derived columns: the same from any format and a single row, compared where delivered, refused where senseless."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import DefinitionError
from validation.batches import sort_out
from validation.contract import Column, Table
from validation.derived import Derived, DomainOf, HourOf, Joined, WeekdayOf, derive
from validation.files import Delivered, delivered_from_arrow, delivered_from_file, delivered_from_lines

AT, GOT = Column("at", "timestamp", "when"), Column("got", "timestamp", "received")
OWN = (
    Column("ride", "string", "id"),
    Column("origin", "string", "from", nullable=True),
    Column("goal", "string", "to", nullable=True),
    Column("door", "int32", "number", nullable=True),
    Column("mail", "string", "address", nullable=True),
)
MADE = (
    Column("pair", "string", "both", nullable=True, derived=Joined(("origin", "goal"))),
    Column("hour", "int32", "hour", derived=HourOf("at")),
    Column("weekday", "string", "day", derived=WeekdayOf("at")),
    Column("pair_hour", "string", "all", nullable=True, derived=Joined(("pair", "hour", "door"), by="@")),
    Column("domain", "string", "whose", nullable=True, derived=DomainOf("mail")),
)
RIDES = Table("rides", "a ride", "tests", ("ride",), "at", "got", (*OWN, AT, GOT, *MADE))
EVENING = datetime(2026, 5, 3, 17, 59, 59, 999_999, UTC)  # a Sunday
RIDE: dict[str, Any] = {
    "ride": "a", "origin": "north", "goal": "quay", "door": 7, "mail": "An.Na@Post.Example",
    "at": EVENING, "got": EVENING,
}  # fmt: skip
BY_HAND = {
    "pair": "north→quay", "hour": 17, "weekday": "6", "pair_hour": "north→quay@17@7", "domain": "post.example",
}  # fmt: skip


def in_json(row: dict[str, Any]) -> bytes:
    """A row as a client sends it."""
    return json.dumps(row, default=lambda moment: moment.isoformat()).encode()


def in_csv(row: dict[str, Any]) -> bytes:
    """The same as a CSV file."""
    cells = (value.isoformat() if isinstance(value, datetime) else str(value) for value in row.values())
    return f"{','.join(row)}\n{','.join(cells)}\n".encode()


@pytest.mark.parametrize("deliver", [
    lambda row: delivered_from_lines(RIDES, [in_json(row)]),
    lambda row: delivered_from_file(RIDES, "a.csv", in_csv(row)),
    lambda row: delivered_from_arrow(RIDES, pa.Table.from_pylist([row])),
], ids=["json", "csv", "arrow"])  # fmt: skip
def test_every_format_derives_them_whether_delivered_or_not(deliver: Any) -> None:
    for row in (RIDE, RIDE | BY_HAND):
        delivered: Delivered = deliver(row)
        assert not delivered.faults
        (found,) = delivered.rows.select(list(BY_HAND)).to_pylist()
        assert found == BY_HAND


def test_a_row_that_says_otherwise_is_quarantined_and_the_others_are_taken() -> None:
    lines = [in_json(RIDE | {"pair": "quay→north"}), in_json(RIDE | {"ride": "b"})]
    delivered = delivered_from_lines(RIDES, lines)
    found = sort_out(RIDES, delivered, EVENING + timedelta(minutes=1), lambda rows: np.zeros(len(rows), dtype=bool))
    assert found.accepted.table()["ride"].to_pylist() == ["b"]
    ((rule, reason),) = found.broken[0]
    assert rule == "derived"
    assert reason.startswith("`pair` is 'quay→north', and Joined(columns=('origin', 'goal')")
    assert [check.broken for check in found.checks if check.rule == "derived"] == [1]


WORD = st.one_of(st.none(), st.text(max_size=6))
MOMENT = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))


@given(WORD, WORD, st.one_of(st.none(), st.integers(0, 99)), st.text("@aÄİ.\n Z", max_size=6), MOMENT)
@settings(deadline=None)
def test_a_single_row_of_a_request_derives_the_same(
    origin: str | None, goal: str | None, door: int | None, mail: str, at: datetime
) -> None:
    row = {**RIDE, "origin": origin, "goal": goal, "door": door, "mail": mail, "at": at, "got": at}
    (found,) = delivered_from_arrow(RIDES, pa.Table.from_pylist([row])).rows.to_pylist()
    given_row = dict(row)
    for column in MADE:
        assert column.derived
        given_row[column.name] = derive(column.derived, column.dtype, given_row)
        assert given_row[column.name] == found[column.name], column.name
    assert derive(HourOf("at"), "int32", {"at": at.timestamp()}) == found["hour"]


@pytest.mark.parametrize(("column", "said"), [
    (Column("pair", "string", "", derived=Joined(("origin", "goal"))), "null where `origin` says nothing"),
    (Column("domain", "string", "", derived=DomainOf("ride")), "nullable=True"),
    (Column("pair", "string", "", derived=Joined(("gaol", "origin"))), "`gaol` is not defined. Did you mean `goal`"),
    (Column("pair", "string", "", derived=Joined(("pair",))), "before it: `pair`"),
    (Column("hour", "float32", "", derived=HourOf("at")), "is float32, and HourOf.* makes string or int32"),
    (Column("hour", "int32", "", derived=HourOf("ride")), "made from timestamp, and `ride` is string"),
    (Column("hour", "int32", "", derived=HourOf("got")), "`got`, which may change: it is written at intake"),
    (Column("own", "string", "", nullable=True, derived=DomainOf("mail")), "`mail`, which may change: a home keeps"),
])  # fmt: skip
def test_a_senseless_one_is_refused_where_it_is_written(column: Column, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        Table("rides", "a ride", "us", ("ride",), "at", "got", (*OWN, AT, GOT, column), person="mail")


def test_which_kinds_there_are() -> None:
    made: tuple[Derived | None, ...] = tuple(column.derived for column in MADE)
    assert {type(kind) for kind in made} == {Joined, HourOf, WeekdayOf, DomainOf}
