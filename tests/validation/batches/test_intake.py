"""What a deliverer notices: every row accounted for, refused ones kept with their reason, twice is once."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from parcels import ARRIVAL, DOORS, NOON, PARCELS, delivered, parcel

from infra.lake import Lake
from validation.batches import intake, ledger, quarantine
from validation.batches.intake import ingest, replay
from validation.batches.ledger import BatchRefused
from validation.definition import BatchLimits
from validation.files.delivered import delivered_from_parquet

BROKEN = {
    "a word outside the list": (parcel(900, state="lost"), "state.one_of"),
    "below the range": (parcel(901, weight=-1), "weight.range"),
    "above the range": (parcel(902, weight=31), "weight.range"),
    "below an open range": (parcel(903, paid=-1), "paid.range"),
    "a required value is null": (parcel(904, door=None), "door.known"),
    "a required column is absent": ({k: v for k, v in parcel(905).items() if k != "paid"}, "paid.known"),
    "an empty key": (parcel(906, door=""), "door.length"),
    "an endless key": (parcel(907, parcel="p" * 300), "parcel.length"),
    "a clock never set": (parcel(908, handed_at="1970-01-01T00:00:00Z"), "handed_at.clock"),
    "a clock far ahead": (parcel(909, handed_at="2525-01-01T00:00:00Z"), "handed_at.clock, known_after_handed"),
    "received in the future": (parcel(910, known_at="2026-05-05T00:00:00Z"), "known_at.clock"),
    "known before it happened": (parcel(911, known_at="2026-05-03T11:00:00Z"), "known_after_handed"),
    "a rule over two columns": (parcel(912, weight=0.5, paid=11), "light_is_cheap"),
    "another type": (parcel(913, weight="heavy"), "typed"),
    "a column nobody defined": (parcel(914, colour="red"), "known_columns"),
    "half a line": (b'{"parcel": "p91', "readable"),
    "bytes that are no text": (b"\xff\xfe\x00", "readable"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_row_is_kept_as_it_came_with_its_reason_and_harms_no_other(case, lake):
    row, rule = BROKEN[case]
    raw = row if isinstance(row, bytes) else json.dumps(row).encode()
    line = ingest(lake, PARCELS, delivered([*map(parcel, range(40)), row]), ARRIVAL, "b1")
    assert (line.received, line.accepted, line.duplicate, line.quarantined) == (41, 40, 0, 1)
    [(day, waiting)] = quarantine.waiting_rows(lake, "parcels")
    assert (day, waiting.batch, waiting.row, waiting.rule, waiting.raw) == (ARRIVAL.date(), "b1", 40, rule, raw)
    assert waiting.reason
    assert line.reasons == dict.fromkeys(rule.split(", "), 1)
    assert all(name in line.table_md() for name in line.reasons)


def test_a_row_may_break_several_rules_and_each_is_named(lake):
    rows = [*map(parcel, range(40)), parcel(41, state="lost", paid=-1)]
    ingest(lake, PARCELS, delivered(rows), ARRIVAL, "b1")
    [(_, waiting)] = quarantine.waiting_rows(lake, "parcels")
    assert set(waiting.rule.split(", ")) == {"state.one_of", "paid.range"}
    assert "'lost'" in waiting.reason


def test_a_null_in_a_rule_counts_as_held_and_an_absent_nullable_column_as_null(lake):
    row = parcel(41, paid=11)
    del row["weight"], row["labels"]
    assert ingest(lake, PARCELS, delivered([*map(parcel, range(9)), row]), ARRIVAL, "b1").accepted == 10


def test_rows_go_to_the_day_they_were_received_and_are_stamped_where_they_do_not_say(lake):
    silent = parcel(3)
    del silent["known_at"]
    table = replace(PARCELS, limits=BatchLimits(fresh_within=timedelta(days=2)))
    line = ingest(lake, table, delivered([parcel(1), parcel(2), silent]), ARRIVAL, "b1")
    assert line.days == (NOON.date(), ARRIVAL.date()) == tuple(lake.days("tables/parcels"))
    stamped = lake.read("tables/parcels", [ARRIVAL.date()])
    assert stamped.schema.equals(PARCELS.schema)
    assert stamped["known_at"].to_pylist() == [ARRIVAL]


LIMITS = {
    "volume": (PARCELS, [parcel(i) for i in range(501)], "volume is 501"),
    "max_quarantined": (PARCELS, [parcel(i, paid=-1 if i < 2 else 1) for i in range(39)], "max_quarantined is 5.1%"),
    "max_duplicate": (PARCELS, [parcel(i % 7) for i in range(10)], "max_duplicate is 30.0%"),
    "weight.max_null": (
        PARCELS,
        [parcel(i, weight=None if i < 6 else 1) for i in range(10)],
        "weight.max_null is 60.0%",
    ),
    "fresh_within": (PARCELS, [parcel(i, known_at="2026-05-03T18:30:00Z") for i in range(10)], "fresh_within"),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_batch_over_a_limit_is_refused_and_none_of_it_accepted_or_lost(limit, lake):
    table, rows, reason = LIMITS[limit]
    with pytest.raises(BatchRefused, match=reason) as refusal:
        ingest(lake, table, delivered(rows), ARRIVAL, "b1")
    line = refusal.value.ledger
    assert (line.accepted, line.quarantined, line.refused) == (0, len(rows), True)
    assert limit in line.table_md()
    assert "flywheel ingest --replay 2026-05-04" in str(refusal.value)
    assert lake.days("tables/parcels") == []
    assert len(quarantine.waiting_rows(lake, "parcels")) == len(rows)
    assert ledger.balance(lake, "parcels")["off"] == 0


@pytest.mark.parametrize(
    ("ages", "taken"),
    [((29,), True), ((29, 0), True), ((400, 0), True), ((31, 400), False)],
    ids=["a phone that was offline", "beside fresh ones", "history beside fresh ones", "a clock that was never set"],
)
def test_old_events_are_taken_up_to_the_age_that_the_service_takes(ages, taken, lake):
    table = replace(PARCELS, limits=BatchLimits())
    rows = [parcel(i, handed_at=(ARRIVAL - timedelta(days=age)).isoformat()) for i, age in enumerate(ages)]
    rows = [{name: said for name, said in row.items() if name != "known_at"} for row in rows]
    if taken:
        assert ingest(lake, table, delivered(rows), ARRIVAL, "b1").accepted == len(rows)
    else:
        with pytest.raises(BatchRefused, match="fresh_within"):
            ingest(lake, table, delivered(rows), ARRIVAL, "b1")


@pytest.mark.parametrize(("ahead", "taken"), [(59, 1), (61, 0)])
def test_what_a_clock_dates_a_little_ahead_was_received_as_it_happened(ahead, taken, lake):
    row = parcel(1, handed_at=(ARRIVAL + timedelta(seconds=ahead)).isoformat())
    del row["known_at"]
    table = replace(PARCELS, limits=BatchLimits(max_quarantined_of_batch=1.0))
    assert ingest(lake, table, delivered([row]), ARRIVAL, "b1").accepted == taken


def test_an_empty_file_is_refused(lake):
    with pytest.raises(BatchRefused, match="volume is 0"):
        ingest(lake, PARCELS, delivered([]), ARRIVAL, "b1")


def test_a_file_delivered_twice_changes_nothing_but_the_ledger(lake):
    rows = [*map(parcel, range(40)), b"{", parcel(3)]
    first = ingest(lake, PARCELS, delivered(rows), ARRIVAL, "b1")
    before = _bytes(lake)
    second = ingest(lake, PARCELS, delivered(rows), ARRIVAL + timedelta(hours=1), "b2")
    assert (first.accepted, first.duplicate, first.quarantined) == (40, 1, 1)
    assert (second.received, second.duplicate, second.refused) == (42, 42, False)
    assert _bytes(lake) == before
    assert [line.batch for line in ledger.read_ledger(lake, "parcels")] == ["b1", "b2"]


def test_a_refused_file_delivered_again_is_refused_again_and_kept_once(lake):
    rows = [parcel(i, paid=-1 if i < 5 else 1) for i in range(20)]
    for batch in ("b1", "b2"):
        with pytest.raises(BatchRefused):
            ingest(lake, PARCELS, delivered(rows), ARRIVAL, batch)
    assert len(quarantine.waiting_rows(lake, "parcels")) == 20
    assert ledger.balance(lake, "parcels")["off"] == 0


def test_a_file_cut_otherwise_is_known_row_by_row(lake):
    ingest(lake, PARCELS, delivered([parcel(i) for i in range(20)]), ARRIVAL, "b1")
    line = ingest(lake, PARCELS, delivered([parcel(i) for i in range(25)]), ARRIVAL, "b2")
    assert (line.accepted, line.duplicate, line.refused) == (5, 20, False)


def test_compound_keys_do_not_run_into_each_other(lake):
    rows = [parcel(0, parcel="1", door="23"), parcel(1, parcel="12", door="3"), parcel(2, parcel="1", door="23")]
    table = replace(PARCELS, limits=BatchLimits(max_duplicate=1.0))
    assert ingest(lake, table, delivered(rows), ARRIVAL, "b1").accepted == 2


def test_a_versioned_row_may_come_again_later_and_the_same_version_is_a_duplicate(lake):
    rows = [
        {"door": "d1", "told_at": f"2026-05-03T{hour}:00:00Z", "known_at": "2026-05-03T13:00:00Z"} for hour in (10, 11)
    ]
    ingest(lake, DOORS, delivered(rows, DOORS), ARRIVAL, "b1")
    again = [rows[0] | {"known_at": "2026-05-03T14:00:00Z"}]
    assert ingest(lake, DOORS, delivered(again, DOORS), ARRIVAL, "b2").duplicate == 1


def test_unknown_references_are_told_and_not_refused(lake):
    doors = [{"door": f"d{i}", "told_at": "2026-05-03T10:00:00Z", "known_at": "2026-05-03T10:00:00Z"} for i in range(3)]
    assert ingest(lake, PARCELS, delivered([parcel(i) for i in range(7)]), ARRIVAL, "b1").unknown == {"door": 1.0}
    ingest(lake, DOORS, delivered(doors, DOORS), ARRIVAL, "doors")
    line = ingest(lake, PARCELS, delivered([parcel(i) for i in range(7, 14)]), ARRIVAL, "b2")
    assert line.accepted == 7
    assert line.unknown["door"] == pytest.approx(4 / 7)
    assert line.facts()["unknown door"] == line.unknown["door"]


def test_a_batch_whose_process_died_half_way_can_be_delivered_again(lake, monkeypatch):
    rows = [*map(parcel, range(40)), b"{"]
    with monkeypatch.context() as dying:
        dying.setattr(ledger, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ingest(lake, PARCELS, delivered(rows), ARRIVAL, "b1")
    line = ingest(lake, PARCELS, delivered(rows), ARRIVAL, "b1")
    assert (line.accepted, line.quarantined) == (40, 1)
    assert ledger.balance(lake, "parcels")["off"] == 0


def test_a_file_that_is_no_parquet_is_one_refused_row(lake):
    table = replace(PARCELS, limits=BatchLimits(max_quarantined_of_batch=1.0))
    line = ingest(lake, table, delivered_from_parquet(table, b"PAR1 and then nothing"), ARRIVAL, "b1")
    assert line.quarantined == 1
    assert quarantine.waiting_rows(lake, "parcels")[0][1].raw == b"PAR1 and then nothing"


def test_replay_takes_mended_rows_as_received_now_and_leaves_the_others(lake):
    rows = [*map(parcel, range(60)), parcel(61, state="LOST"), b"{", parcel(5, state="LOST")]
    ingest(lake, PARCELS, delivered(rows), ARRIVAL, "b1")
    later = ARRIVAL + timedelta(days=1)
    line = replay(lake, PARCELS, ARRIVAL.date(), later, mend=lambda row: row.raw.replace(b"LOST", b"torn"))
    assert (line.kind, line.received, line.accepted, line.duplicate, line.quarantined) == ("replay", 3, 1, 1, 1)
    assert lake.read("tables/parcels", [later.date()])["known_at"].to_pylist() == [later]
    assert [row.raw for _, row in quarantine.waiting_rows(lake, "parcels")] == [b"{"]
    assert ledger.balance(lake, "parcels") == {
        "accepted": 61, "in tables": 61, "waiting": 1, "in quarantine": 1, "off": 0,
    }  # fmt: skip


def test_replay_by_a_file_of_mended_rows(lake):
    ingest(lake, PARCELS, delivered([*map(parcel, range(40)), b"\xff{", b"}"]), ARRIVAL, "b1")
    sheet = [
        json.loads(line)
        for line in quarantine.mending_lines(row for _, row in quarantine.waiting_rows(lake, "parcels"))
    ]
    sheet[0]["mended"] = parcel(99)
    mend = quarantine.mended_by([json.dumps(line).encode() for line in sheet])
    line = replay(lake, PARCELS, None, ARRIVAL + timedelta(hours=2), mend, batch="b1")
    assert (line.accepted, line.quarantined) == (1, 1)


def test_a_refused_batch_can_be_replayed_once_the_definition_is_right(lake):
    rows = [parcel(i, state="wet") for i in range(10)]
    with pytest.raises(BatchRefused):
        ingest(lake, PARCELS, delivered(rows), ARRIVAL, "b1")
    wiser = tuple(replace(c, one_of=("whole", "torn", "wet")) if c.name == "state" else c for c in PARCELS.columns)
    line = replay(lake, replace(PARCELS, columns=wiser), ARRIVAL.date(), ARRIVAL + timedelta(hours=1))
    assert line.accepted == 10
    assert ledger.balance(lake, "parcels")["off"] == 0
    again = ingest(lake, PARCELS, delivered(rows), ARRIVAL + timedelta(hours=2), "b1")
    assert (again.duplicate, again.refused) == (10, False)


def test_replay_of_a_refused_parquet_batch_brings_every_value_back(lake):
    rows = delivered([parcel(i) for i in range(10)]).rows
    small = replace(PARCELS, limits=BatchLimits(max_rows=5))
    with pytest.raises(BatchRefused):
        ingest(lake, small, intake.delivered_from_arrow(PARCELS, rows), ARRIVAL, "b1")
    replay(lake, PARCELS, None, ARRIVAL)
    accepted = lake.read("tables/parcels").drop_columns(["known_at"])
    assert accepted.sort_by("parcel").equals(rows.drop_columns(["known_at"]).cast(accepted.schema).sort_by("parcel"))


def test_replay_without_anything_waiting_is_a_line_of_zeros_and_writes_nothing(lake):
    assert replay(lake, PARCELS, None, ARRIVAL).received == 0
    assert ledger.read_ledger(lake) == []


ROWS = st.one_of(
    st.integers(0, 30).map(parcel),
    st.sampled_from([row for row, _ in BROKEN.values()]),
    st.binary(max_size=20).filter(lambda line: b"\n" not in line and line.strip()),
)


@effort(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches=st.lists(st.lists(ROWS, max_size=25), min_size=1, max_size=3))
def test_the_ledger_balances_whatever_is_delivered(batches, tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("lake"))
    lenient = replace(
        PARCELS, limits=BatchLimits(min_rows=0, max_quarantined_of_batch=0.6, max_duplicate=0.9, max_null=1.0)
    )
    for number, rows in enumerate(batches):
        try:
            line = ingest(lake, lenient, delivered(rows), ARRIVAL, f"b{number}")
        except BatchRefused as refused:
            line = refused.ledger
        assert line.received == len(rows) == line.accepted + line.duplicate + line.quarantined
    assert ledger.balance(lake, "parcels")["off"] == 0
    keys = lake.read("tables/parcels", columns=["parcel", "door"]).to_pylist() if lake.days("tables/parcels") else []
    assert len({tuple(key.values()) for key in keys}) == len(keys)
    replay(lake, lenient, None, ARRIVAL)
    assert ledger.balance(lake, "parcels")["off"] == 0


def _bytes(lake: Lake) -> dict[Path, bytes]:
    """Every file of the lake but the ledger."""
    files = [path for path in lake.root.rglob("*.parquet") if ledger.LEDGER not in path.parts]
    return {path: path.read_bytes() for path in files}


def test_a_delivery_of_nothing_is_refused_each_time(lake):
    for batch in ("b1", "b2"):
        with pytest.raises(BatchRefused, match="volume"):
            ingest(lake, PARCELS, delivered([]), ARRIVAL, batch)
