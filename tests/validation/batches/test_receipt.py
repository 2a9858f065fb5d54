"""When a row counts as received: never long before it arrived, and as early as any delivery of it says."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from parcels import ARRIVAL, NOON, PARCELS, delivered, parcel

from infra.lake import Lake
from orchestration.batch_report import about
from validation.batches import ledger, quarantine
from validation.batches.intake import ingest
from validation.batches.ledger import Ledger
from validation.definition import RECEIPT_TOLERANCE, BatchLimits

LENIENT = replace(PARCELS, limits=BatchLimits(max_duplicate=1.0, max_quarantined_of_batch=1.0))
STRICT = replace(LENIENT, differing="quarantine")
SIX_DAYS_LATER = NOON + timedelta(days=6)
HOUR = timedelta(hours=1)


def known(lake: Lake) -> dict[str, Any]:
    """When the lake's parcels count as received."""
    rows = lake.read("tables/parcels").to_pylist()
    assert len({row["parcel"] for row in rows}) == len(rows), "each parcel once"
    return {row["parcel"]: row["known_at"] for row in rows}


def take(lake: Lake, rows: list[Any], at: Any = ARRIVAL, **how: bool) -> Ledger:
    return ingest(lake, LENIENT, delivered(rows), at, "b", **how)


def test_a_row_that_says_it_was_received_long_before_it_arrived_is_in_no_closed_day_and_that_is_told(lake):
    fresh = parcel(1, handed_at=SIX_DAYS_LATER.isoformat(), known_at=SIX_DAYS_LATER.isoformat())
    line = take(lake, [parcel(0), fresh], SIX_DAYS_LATER)
    earliest = SIX_DAYS_LATER - RECEIPT_TOLERANCE
    assert known(lake) == {"p0": earliest, "p1": SIX_DAYS_LATER}
    assert lake.days("tables/parcels") == [earliest.date(), SIX_DAYS_LATER.date()] == list(line.days)
    assert line.outcome == "taken, with warnings"
    assert "warning, receipt_tolerance: 1 rows say so" in "\n".join(about(lake, line))
    assert "`flywheel ingest PATH --history`" in line.table_md()


@pytest.mark.parametrize(
    ("before", "believed"), [(RECEIPT_TOLERANCE, True), (RECEIPT_TOLERANCE + timedelta(microseconds=1), False)]
)
def test_a_receipt_may_lie_so_long_before_arrival_and_no_longer(before, believed, lake):
    said = ARRIVAL - before
    line = take(lake, [parcel(0, handed_at=(said - HOUR).isoformat(), known_at=said.isoformat())])
    assert known(lake) == {"p0": said if believed else ARRIVAL - RECEIPT_TOLERANCE}
    assert bool(line.warnings) is not believed


def test_history_is_believed_whatever_it_says_of_its_receipt(lake):
    line = take(lake, [parcel(0)], SIX_DAYS_LATER, history=True)
    assert lake.days("tables/parcels") == [NOON.date()]
    assert not line.warnings


def test_what_was_taken_as_late_can_be_taken_again_as_history(lake):
    late = take(lake, [parcel(0), parcel(1)], SIX_DAYS_LATER)
    assert late.warnings
    line = take(lake, [parcel(0), parcel(1)], SIX_DAYS_LATER + HOUR, history=True)
    assert (line.accepted, line.duplicate) == (0, 2)
    assert lake.days("tables/parcels") == [NOON.date()]
    assert ledger.balance(lake, "parcels")["off"] == 0


def test_a_file_that_comes_weeks_late_is_no_wrong_clock(lake):
    line = ingest(lake, PARCELS, delivered([parcel(0)]), NOON + timedelta(days=60), "b")
    assert (line.accepted, line.outcome) == (1, "taken, with warnings")


def test_an_old_receipt_before_its_event_is_still_a_wrong_clock(lake):
    line = take(lake, [parcel(0), parcel(1, known_at=(NOON - HOUR).isoformat())], SIX_DAYS_LATER)
    assert line.reasons == {"known_after_handed": 1}


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "the other way round"])
def test_the_first_receipt_counts_whichever_delivery_comes_first(order, lake):
    first = parcel(0, known_at=(NOON + HOUR).isoformat())
    second = parcel(0, known_at=(NOON + 14 * HOUR).isoformat(), labels=["corrected"])
    for row in (first, second)[::order]:
        take(lake, [row])
    assert known(lake) == {"p0": NOON + HOUR}
    assert lake.read("tables/parcels")["labels"].to_pylist() == [["top"]]
    assert lake.days("tables/parcels") == [NOON.date()]
    assert ledger.balance(lake, "parcels") == {
        "accepted": 1,
        "in tables": 1,
        "waiting": 0,
        "in quarantine": 0,
        "off": 0,
    }


def test_a_row_that_makes_way_leaves_the_others_of_its_day_alone(lake):
    second_day = (NOON + 14 * HOUR).isoformat()
    take(lake, [parcel(i, known_at=second_day) for i in range(5)])
    line = take(lake, [parcel(2), parcel(3), parcel(9)])
    assert (line.accepted, line.duplicate) == (1, 2)
    assert line.days == (NOON.date(),)
    rows = {day: len(lake.read("tables/parcels", [day])) for day in lake.days("tables/parcels")}
    assert rows == {NOON.date(): 3, (NOON + 14 * HOUR).date(): 3}
    assert ledger.balance(lake, "parcels")["off"] == 0


def test_the_same_file_that_arrived_earlier_elsewhere_makes_its_rows_known_earlier(lake):
    rows = [parcel(i, known_at=None) for i in range(3)]
    take(lake, rows, ARRIVAL + HOUR)
    line = take(lake, rows, ARRIVAL)
    assert (line.accepted, line.duplicate) == (0, 3)
    assert set(known(lake).values()) == {ARRIVAL}
    take(lake, rows, ARRIVAL + HOUR)
    assert set(known(lake).values()) == {ARRIVAL}


def test_where_a_correction_waits_in_quarantine_no_later_file_takes_the_accepted_row_s_place(lake):
    ingest(lake, STRICT, delivered([parcel(0, known_at=(NOON + 2 * HOUR).isoformat())]), ARRIVAL, "b1")
    ingest(lake, STRICT, delivered([parcel(0, known_at=(NOON + HOUR).isoformat(), paid=6.0)]), ARRIVAL, "b2")
    assert lake.read("tables/parcels")["paid"].to_pylist() == [5.0]
    assert len(quarantine.waiting_rows(lake, "parcels")) == 1
    ingest(lake, STRICT, delivered([parcel(0, known_at=(NOON + HOUR).isoformat())]), ARRIVAL, "b3")
    assert known(lake) == {"p0": NOON + HOUR}, "the same content, known earlier"
    assert ledger.balance(lake, "parcels")["off"] == 0


ROWS = st.builds(
    lambda number, known, paid: parcel(number, known_at=known and (NOON + known * HOUR).isoformat(), paid=float(paid)),
    st.integers(0, 8), st.none() | st.integers(1, 23), st.integers(1, 3),
)  # fmt: skip
DELIVERIES = st.lists(st.tuples(st.lists(ROWS, min_size=1, max_size=6), st.integers(0, 60)), min_size=1, max_size=4)


@effort(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(deliveries=DELIVERIES, random=st.randoms(use_true_random=False))
def test_any_order_repetition_and_split_of_deliveries_gives_the_same_table(deliveries, random, tmp_path_factory):
    pieces = []
    for rows, hours in deliveries:
        cut = random.randint(0, len(rows))
        pieces += [(some, hours) for some in (rows[:cut], rows[cut:], rows[:cut]) if some]
    random.shuffle(pieces)
    tables = []
    for parts in (deliveries, pieces):
        lake = Lake(tmp_path_factory.mktemp("lake"))
        for rows, hours in parts:
            take(lake, rows, ARRIVAL + hours * HOUR)
        assert ledger.balance(lake, "parcels")["off"] == 0
        tables.append((_days(lake), lake.read("tables/parcels").sort_by("parcel").to_pylist()))
    assert tables[0] == tables[1]


def _days(lake: Lake) -> list[date]:
    return lake.days("tables/parcels")
