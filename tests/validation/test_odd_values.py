"""One odd value in a delivery: its row is kept with the reason and all that was in it, the others are taken."""

import json
from dataclasses import replace
from decimal import Decimal
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from parcels import ARRIVAL, DOORS, NOON, PARCELS, delivered, parcel

from infra.lake import Lake
from validation.batches import ledger, quarantine
from validation.batches.intake import ingest
from validation.batches.ledger import BatchRefused
from validation.definition import BatchLimits
from validation.files.delivered import delivered_from_arrow, delivered_from_jsonl, delivered_from_parquet

MANY = 40
US = pa.timestamp("us", tz="UTC")
NOON_US = int(NOON.timestamp()) * 10**6


def moments(odd, unit="us", zone="UTC"):
    noon = NOON_US * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit] // 10**6
    return pa.array([noon] * (MANY - 1) + [odd]).cast(pa.timestamp(unit, zone))


def texts(odd: bytes):
    """A text column, as a broken writer makes it: the last text need not be UTF-8."""
    ends = np.array([*range(MANY), MANY - 1 + len(odd)], dtype="int32")
    return pa.Array.from_buffers(
        pa.string(), MANY, [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(b"d" * (MANY - 1) + odd)]
    )


def lists(odd: bytes):
    return pa.ListArray.from_arrays(pa.array(range(MANY + 1), pa.int32()), texts(odd))


DECIMALS = pa.array([Decimal(1)] * (MANY - 1) + [Decimal(10**60)], pa.decimal256(70, 0))


def parquet(**odd):
    rows = delivered([parcel(i) for i in range(MANY)]).rows
    columns = {name: odd.get(name, rows[name]) for name in rows.column_names}
    sink = BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


ODD = {
    "the year 10000": ("handed_at", moments(253_402_300_800 * 10**6), "253402300800000000"),
    "infinity": ("handed_at", moments(2**63 - 1), "9223372036854775807"),
    "minus infinity": ("handed_at", moments(-(2**63) + 1), "-9223372036854775807"),
    "the year 0": ("handed_at", moments(-62_167_219_200 * 10**6), "-62167219200000000"),
    "microseconds written as seconds": ("handed_at", moments(NOON_US, "s"), str(NOON_US)),
    "milliseconds written as seconds": ("handed_at", moments(NOON_US // 1000, "s"), str(NOON_US // 1000)),
    "a zone that nobody knows": ("handed_at", moments(2**62, zone="Mars/Base"), str(2**62)),
    "received at infinity": ("known_at", moments(2**63 - 1), "9223372036854775807"),
    "no UTF-8": ("door", texts(b"\xff"), "\udcff"),
    "no UTF-8 in a dictionary": ("door", texts(b"\xff").dictionary_encode(), "\udcff"),
    "no UTF-8 in a list": ("labels", lists(b"\xc3("), "\udcc3("),
    "a decimal without bounds": ("paid", DECIMALS, str(10**60)),
    "a number that overflows": ("paid", pa.array([1.0] * (MANY - 1) + [1e300]), "1e+300"),
    "a NaN": ("paid", pa.array([1.0] * (MANY - 1) + [float("nan")]), "NaN"),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_a_parquet_row_with_an_odd_value_is_kept_and_the_others_are_read(case):
    column, array, text = ODD[case]
    delivery = delivered_from_parquet(PARCELS, parquet(**{column: array}))
    assert list(delivery.faults) == [MANY - 1]
    [fault] = delivery.faults[MANY - 1]
    assert (fault.rule, fault.reason.isprintable(), f"`{column}`" in fault.reason) == ("typed", True, True)
    assert delivery.rows[column].null_count == 1
    [raw] = delivery.raws([MANY - 1])
    value = json.loads(raw)[column]
    assert text in (value if isinstance(value, list) else json.dumps(value) if text == "NaN" else str(value))


def test_odd_rows_reach_quarantine_and_the_others_the_lake(lake):
    content = parquet(handed_at=moments(2**63 - 1), door=texts(b"\xff"), paid=pa.array([5.0] * (MANY - 1) + [1e300]))
    line = ingest(lake, PARCELS, delivered_from_parquet(PARCELS, content), ARRIVAL, "b1")
    assert (line.accepted, line.quarantined, line.reasons) == (MANY - 1, 1, {"typed": 1})
    [(_, waiting)] = quarantine.waiting_rows(lake, "parcels")
    assert all(text in waiting.raw for text in (b"9223372036854775807", b"1e+300", b"\\udcff"))


@pytest.mark.parametrize(
    ("column", "array"),
    [
        ("paid", pa.array([Decimal("1.25")])),
        ("paid", pa.array([Decimal("1.25")], pa.decimal256(60, 2))),
        ("paid", pa.array([np.float16(1)])),
        ("paid", pa.array([2**64 - 1], pa.uint64())),
        ("door", pa.array(["d"], pa.string_view())),
        ("door", pa.array(["d"], pa.large_string()).dictionary_encode()),
        ("labels", pa.array([["top"]], pa.list_view(pa.string()))),
        ("labels", pa.array([["top"]], pa.list_(pa.string(), 1))),
        ("handed_at", pa.array([NOON_US * 1000], pa.timestamp("ns", "Mars/Base"))),
    ],
    ids=lambda given: str(given.type) if isinstance(given, pa.Array) else given,
)
def test_arrow_types_that_lose_nothing_are_read(column, array):
    assert not delivered_from_arrow(PARCELS, pa.table({column: array})).faults


@pytest.mark.parametrize(
    "array",
    [
        pa.array([b"d\xff"]),
        pa.array([86_399], pa.time32("s")),
        pa.array([2**63 - 1], pa.duration("s")),
        pa.array([2**31 - 1], pa.date32()),
        pa.array([{"a": {"b": [1]}}]),
        pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int32())),
        pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
        pa.array([b"1234567890123456"], pa.uuid()),
        pa.array([[b"d"]]),
        pa.array([1]).dictionary_encode(),
    ],
    ids=lambda array: str(array.type),
)
@pytest.mark.parametrize("column", ["door", "paid", "handed_at", "labels"])
def test_arrow_types_of_another_kind_are_faults_that_can_be_written_down(column, array):
    delivery = delivered_from_arrow(PARCELS, pa.table({column: array}))
    assert [fault.rule for fault in delivery.faults.get(0, ())] in (["typed"], [])
    assert (0 in delivery.faults) == (not (column == "paid" and pa.types.is_dictionary(array.type)))
    assert json.loads(delivery.raws([0])[0])[column] is not None


LINES = {
    "a lone surrogate": (b'{"door": "\\ud800"}', "typed"),
    "a lone surrogate in a name": (b'{"\\ud800": 1}', "known_columns"),
    "a name that changes the screen": (b'{"\\u001b[2J\\u202e": 1}', "known_columns"),
    "a whole number without end": (b'{"paid": 1' + b"0" * 5000 + b"}", "readable"),
    "a whole number beyond a float": (b'{"paid": 1' + b"0" * 400 + b"}", "typed"),
    "a number beyond a float": (b'{"paid": 1e999}', "typed"),
    "a number beyond 32 bits": (b'{"paid": 1e39}', "typed"),
    "deep": (b'{"labels": ' + b"[" * 500 + b"]" * 500 + b"}", "typed"),
    "too deep": (b'{"labels": ' + b"[" * 90_000 + b"]" * 90_000 + b"}", "readable"),
    "deep records": (b'{"paid": ' + b'{"a":' * 500 + b"1" + b"}" * 501, "typed"),
    "a zero byte": (b"\0", "readable"),
    "a moment that is in the year 10000 in UTC": (b'{"handed_at": "9999-12-31T23:59:59-05:00"}', "typed"),
    "a moment before the year 1 in UTC": (b'{"handed_at": "0001-01-01T00:00:00+05:00"}', "typed"),
    "infinity": (b'{"handed_at": "infinity"}', "typed"),
    "milliseconds": (b'{"handed_at": 1777809600000}', "typed"),
    "a thousand columns": (json.dumps({f"c{i}": i for i in range(1000)}).encode(), "known_columns"),
}


@pytest.mark.parametrize("case", LINES)
def test_a_json_line_with_an_odd_value_is_kept_and_the_others_are_read(case):
    odd, rule = LINES[case]
    good = json.dumps(parcel(1)).encode()
    delivery = delivered_from_jsonl(PARCELS, b"\n".join([good, odd, good]))
    assert list(delivery.faults) == [1]
    assert {fault.rule for fault in delivery.faults[1]} == {rule}
    assert all(fault.reason.isprintable() and len(fault.reason) < 400 for fault in delivery.faults[1])
    assert delivery.raws([1]) == [odd]


@pytest.mark.parametrize("code", ["utf-16", "utf-16-le", "utf-32"])
def test_a_file_in_another_code_is_refused_with_a_reason_and_every_byte_kept(code):
    content = "\n".join(json.dumps(parcel(i)) for i in range(3)).encode(code)
    delivery = delivered_from_jsonl(PARCELS, content)
    assert len(delivery.faults) == len(delivery) == 3
    assert b"\n".join(delivery.raws(range(3))) == content
    assert code != "utf-16" or "UTF-16, write it as UTF-8" in delivery.faults[0][0].reason


def doors(count=30):
    return [
        {"door": f"d{i}", "told_at": "2026-05-03T10:00:00Z", "known_at": "2026-05-03T13:00:00Z"} for i in range(count)
    ]


def door_file(**options):
    sink = BytesIO()
    pq.write_table(delivered(doors(), DOORS).rows, sink, compression="none", **options)
    return sink.getvalue()


FILES = [
    (delivered_from_parquet, door_file()),
    (delivered_from_parquet, door_file(use_dictionary=False, store_schema=False)),
    (delivered_from_parquet, door_file(data_page_version="2.0", row_group_size=7)),
    (delivered_from_jsonl, b"\n".join(json.dumps(row).encode() for row in doors())),
]
CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=5), st.integers(0, 40)), max_size=6)


def changed(content, changes):
    """The content with bytes put in the place of others, here and there."""
    for place, put, cut in changes:
        at = int(place * len(content))
        content = content[:at] + put + content[at + (len(put) if cut > 20 else cut) :]
    return content


@effort(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(file=st.sampled_from(FILES), changes=CHANGES)
def test_whatever_bytes_come_they_are_rows_and_every_row_can_be_kept(file, changes):
    reader, content = file
    delivery = reader(DOORS, changed(content, changes))
    raws = delivery.raws(range(len(delivery)))
    assert len(raws) == len(delivery)
    assert all(fault.reason.isprintable() for faults in delivery.faults.values() for fault in faults)


@effort(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(file=st.sampled_from(FILES), changes=CHANGES)
def test_whatever_bytes_come_the_ledger_balances(file, changes, tmp_path_factory):
    reader, content = file
    lake = Lake(tmp_path_factory.mktemp("lake"))
    lenient = replace(
        DOORS, limits=BatchLimits(min_rows=0, max_quarantined_of_batch=0.9, max_duplicate=1.0, max_null=1.0)
    )
    try:
        line = ingest(lake, lenient, reader(DOORS, changed(content, changes)), ARRIVAL, "b")
    except BatchRefused as refused:
        line = refused.ledger
    assert line.received == line.accepted + line.duplicate + line.quarantined
    assert ledger.balance(lake, "doors")["off"] == 0


@pytest.mark.parametrize("moment", ["0001-01-01", "2610-11-22T09:34:33.709551", "9999-12-31T23:59:59.999999"])
def test_a_moment_of_96_bits_is_not_taken_for_another_one(lake, moment):
    """In ns, as Arrow reads it by itself, the second of them is noon of the day on which the others were sent."""
    odd = np.datetime64(moment, "us").astype("int64")
    rows = delivered([parcel(i) for i in range(MANY)]).rows
    place, sink = rows.column_names.index("handed_at"), BytesIO()
    rows = rows.set_column(place, "handed_at", moments(int(odd)))
    pq.write_table(rows, sink, use_deprecated_int96_timestamps=True)
    line = ingest(lake, PARCELS, delivered_from_parquet(PARCELS, sink.getvalue()), ARRIVAL, "b1")
    assert (line.accepted, line.quarantined) == (MANY - 1, 1)
    [(_, waiting)] = quarantine.waiting_rows(lake, "parcels")
    assert "handed_at.clock" in waiting.rule
    assert moment in waiting.raw.decode()
