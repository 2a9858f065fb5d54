"""A row that comes again and says something else is told from one that says the same; a new unit is noticed."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from parcels import ARRIVAL, PARCELS, delivered, parcel

from infra import lake as lake_module
from infra.lake import Lake
from validation.batches import accepted, chosen, corrections, digests, ledger, quarantine
from validation.batches.accepted import AcceptedRows
from validation.batches.chosen import Chosen
from validation.batches.intake import ingest, replay
from validation.batches.ledger import BatchRefused
from validation.batches.unit_jumps import jumps
from validation.definition import BatchLimits, UnitJumpLimits

LENIENT = replace(PARCELS, limits=BatchLimits(max_duplicate=1.0, max_null=1.0))
STRICT = replace(LENIENT, differing="quarantine")
LATER = ARRIVAL + timedelta(hours=1)
FIRST = [parcel(i) for i in range(5)]
AGAIN = [
    parcel(0),
    parcel(1, known_at="2026-05-03T13:00:00Z"),
    parcel(2, weight=7.5),
    parcel(3, labels=["side", "top"]),
    parcel(4, weight=None),
    parcel(5),
    parcel(5, paid=6.0),
]


def test_a_correction_is_counted_and_told_and_what_it_said_is_kept(lake):
    ingest(lake, LENIENT, delivered(FIRST), ARRIVAL, "b1")
    line = ingest(lake, LENIENT, delivered(AGAIN), LATER, "b2")
    assert (line.received, line.accepted, line.duplicate, line.differs, line.quarantined) == (7, 1, 6, 4, 0)
    assert line.examples[0] == "parcel p2, door d2: `weight` was 2.0, now 7.5"
    assert "`labels` was ['top'], now ['side', 'top']" in line.examples[1]
    assert line.examples[3] == "parcel p5, door d5: `paid` was 5.0, now 6.0"
    assert line.row()[4] == "6, 4 differ"
    assert line.outcome == "taken, with warnings"
    assert "differs" in line.table_md()
    assert line.facts()["differs"] == 4
    assert ledger.balance(lake, "parcels")["off"] == 0


def test_a_repetition_differs_in_nothing_whenever_it_is_received(lake):
    ingest(lake, LENIENT, delivered(FIRST), ARRIVAL, "b1")
    line = ingest(lake, LENIENT, delivered([parcel(i, known_at=LATER.isoformat()) for i in range(5)]), LATER, "b2")
    assert (line.duplicate, line.differs, line.warnings) == (5, 0, ())


def test_a_table_may_ask_to_quarantine_what_differs(lake):
    ingest(lake, STRICT, delivered(FIRST), ARRIVAL, "b1")
    line = ingest(lake, STRICT, delivered(AGAIN), LATER, "b2")
    assert (line.accepted, line.duplicate, line.differs, line.quarantined) == (1, 2, 4, 4)
    assert line.reasons == {"differs": 4}
    waiting = quarantine.waiting_rows(lake, "parcels")
    assert [row.row for _, row in waiting] == [2, 3, 4, 6]
    assert {row.rule for _, row in waiting} == {"differs"}
    again = replay(lake, STRICT, None, LATER)
    assert (again.received, again.quarantined) == (4, 4)
    assert ledger.balance(lake, "parcels")["off"] == 0


CELLS = {
    "parcel": st.just("p"),
    "door": st.integers(0, 3).map("d{}".format),
    "weight": st.sampled_from([None, 0.0, 1.0, 1.5]),
    "labels": st.lists(st.sampled_from(["a", "b", ""]), max_size=3) | st.none(),
    "state": st.sampled_from(["whole", "torn"]),
}


@effort(max_examples=60, deadline=None)
@given(rows=st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=12))
def test_two_rows_of_one_key_differ_exactly_when_their_content_does(rows):
    cells = [parcel(0, **row) | {"handed_at": None, "known_at": None} for row in rows]
    typed = pa.Table.from_pylist(cells, schema=pa.schema([f.with_nullable(True) for f in PARCELS.schema]))
    first: dict[str, dict[str, object]] = {}
    differs = [first.setdefault(row["door"], row) != row for row in rows]
    every = np.ones(len(rows), dtype=bool)
    accepted_before = AcceptedRows(Lake(None), PARCELS)  # type: ignore[arg-type]
    assert corrections.differing(Chosen(typed, every), every, accepted_before).tolist() == differs


@pytest.mark.parametrize(("times", "warned"), [(1, False), (8, False), (60, True), (1000, True), (1 / 1000, True)])
def test_a_jump_of_units_is_a_warning_of_the_batch_and_refuses_nothing(times, warned, lake):
    free = replace(PARCELS, limits=BatchLimits(max_null=1.0), rules=())
    rows = np.random.default_rng(3).lognormal(1, 0.5, 60)
    columns = tuple(replace(c, high=None) for c in free.columns)
    free = replace(free, columns=columns)
    ingest(lake, free, delivered([parcel(i, paid=float(p)) for i, p in enumerate(rows)], free), ARRIVAL, "b1")
    now = [parcel(100 + i, paid=float(p * times)) for i, p in enumerate(rows)]
    line = ingest(lake, free, delivered(now, free), LATER, "b2")
    assert (line.accepted, line.refused) == (60, False)
    assert [check.rule for check in line.warnings] == (["paid.unit"] if warned else [])
    if warned:
        assert "times" in line.warnings[0].measured
        assert "paid.unit" in line.table_md()


@pytest.mark.parametrize(("limits", "warned"), [(UnitJumpLimits(5), True), (UnitJumpLimits(5, min_values=61), False)])
def test_a_table_may_say_how_large_a_jump_is_and_of_how_many_values(limits, warned, lake):
    table = replace(LENIENT, limits=replace(LENIENT.limits, unit_jump=limits), rules=())
    ingest(lake, table, delivered([parcel(i, paid=2.0) for i in range(60)], table), ARRIVAL, "b1")
    line = ingest(lake, table, delivered([parcel(100 + i, paid=12.0) for i in range(60)], table), LATER, "b2")
    assert [check.rule for check in line.warnings] == (["paid.unit"] if warned else [])


def test_of_a_few_values_or_without_a_history_nobody_can_tell_a_unit(lake):
    rows = delivered([parcel(i, paid=5000.0) for i in range(5)]).rows
    assert jumps(lake, PARCELS, rows) == ()


def test_zero_with_a_sign_is_zero(lake):
    ingest(lake, LENIENT, delivered([parcel(0, weight=0.0, paid=0.0)]), ARRIVAL, "b1")
    line = ingest(lake, LENIENT, delivered([parcel(0, weight=-0.0, paid=-0.0)]), LATER, "b2")
    assert (line.duplicate, line.differs, line.warnings) == (1, 0, ())


def test_rows_are_told_apart_alike_however_many_are_looked_at_together(lake, monkeypatch):
    for module, few in ((lake_module, 3), (digests, 3), (chosen, 4), (quarantine, 2)):
        monkeypatch.setattr(module, "AT_ONCE", few)
    monkeypatch.setattr(accepted, "FEW", 3)
    old = [parcel(i, known_at=f"2026-05-03T1{3 + i % 2}:00:00Z") for i in range(20)]
    ingest(lake, LENIENT, delivered(old), ARRIVAL, "b1")
    new = [parcel(i, paid=99.0 if i in (0, 7, 19) else 5.0) for i in range(30)]
    line = ingest(lake, LENIENT, delivered([*new, parcel(29)]), LATER, "b2")
    assert (line.accepted, line.duplicate, line.differs) == (10, 21, 3)
    with pytest.raises(BatchRefused):
        ingest(lake, LENIENT, delivered([parcel(i, state="lost") for i in range(40, 51)]), LATER, "b3")
    assert [row.row for _, row in quarantine.waiting_rows(lake, "parcels")] == list(range(11))
    assert ledger.balance(lake, "parcels")["off"] == 0
