"""A file over a limit is one refused delivery, told before its values are in memory; one within it is read in parts."""

import json
from dataclasses import replace
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from parcels import ARRIVAL, DOORS, PARCELS, delivered, parcel

from infra.settings import FileLimits, Settings
from validation.batches import quarantine
from validation.batches.intake import ingest
from validation.batches.ledger import BatchRefused
from validation.files import json_lines
from validation.files.delivered import delivered_from_jsonl, delivered_from_parquet

MANY = 200_000
LINES = b"\n".join(json.dumps(parcel(i)).encode() for i in range(20))


def parquet(rows, **options):
    sink = BytesIO()
    pq.write_table(rows, sink, **options)
    return sink.getvalue()


def names(value, count=MANY):
    """A column in which one text stands for many: a few bytes of a file."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, dtype="int32")), pa.array([value]))


PARCEL_FILE = parquet(delivered([parcel(i) for i in range(20)]).rows)
LONG = "x" * 20_000
BOMBS = {
    "one text that stands for many": parquet(pa.table({"parcel": names(LONG)})),
    "texts inside of a list": parquet(pa.table({"labels": [["x" * 2_000] * 60_000]})),
    "texts that are changes of each other": parquet(
        pa.table({"parcel": [LONG] * 6_000}), use_dictionary=False, column_encoding={"parcel": "DELTA_BYTE_ARRAY"}
    ),
    "texts that pack well": parquet(pa.table({"parcel": [LONG] * 6_000}), use_dictionary=False, compression="zstd"),
    "numbers that never change": parquet(pa.table({"scans": [np.zeros(30_000_000, dtype="float64")]})),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_of_large_values_is_refused_before_they_are_unpacked(bomb, monkeypatch):
    monkeypatch.setattr(
        "validation.files.delivered.parquet_batches", lambda *_: pytest.fail("the values were unpacked")
    )
    content = BOMBS[bomb]
    assert len(content) < 500_000
    delivery = delivered_from_parquet(PARCELS, content, FileLimits(unpacked_bytes=100_000_000))
    [fault] = delivery.faults[0]
    assert (len(delivery), fault.rule, delivery.raws([0])) == (1, "within_limits", [content])
    assert "FLYWHEEL_MAX_UNPACKED_BYTES" in fault.reason


def test_a_file_of_large_values_within_the_limit_is_read():
    delivery = delivered_from_parquet(PARCELS, parquet(pa.table({"parcel": names(LONG, 2_000)})))
    assert (len(delivery), delivery.faults) == (2_000, {})


def test_texts_are_counted_where_only_a_few_are_long():
    rare = pa.DictionaryArray.from_arrays(pa.array([1] + [0] * (MANY - 1)), pa.array(["x", LONG]))
    limits = FileLimits(unpacked_bytes=100_000_000)
    delivery = delivered_from_parquet(PARCELS, parquet(pa.table({"parcel": rare})), limits)
    assert (len(delivery), delivery.faults) == (MANY, {})


LIMITS = {
    "the file": (FileLimits(file_bytes=1_000), "bytes", "FLYWHEEL_MAX_FILE_BYTES"),
    "rows": (FileLimits(rows=18), "", "FLYWHEEL_MAX_ROWS"),
    "columns": (FileLimits(columns=3), "columns", "FLYWHEEL_MAX_COLUMNS"),
    "unpacked": (FileLimits(unpacked_bytes=500), "unpacked", "FLYWHEEL_MAX_UNPACKED_BYTES"),
}


@pytest.mark.parametrize("reader", [delivered_from_jsonl, delivered_from_parquet])
@pytest.mark.parametrize("limit", LIMITS)
def test_a_file_over_a_limit_is_one_row_that_says_which(limit, reader):
    limits, words, setting = LIMITS[limit]
    content = LINES if reader is delivered_from_jsonl else PARCEL_FILE
    delivery = reader(PARCELS, content, limits)
    if reader is delivered_from_jsonl and limit in ("columns", "unpacked"):  # JSON lines have neither of their own
        assert len(delivery) == 20
        return
    [fault] = delivery.faults[0]
    assert (len(delivery), fault.rule) == (1, "within_limits")
    assert words in fault.reason
    assert setting in fault.reason


def test_a_delivery_over_a_limit_is_refused_with_its_reason_and_the_next_one_taken(lake):
    with pytest.raises(BatchRefused) as refusal:
        ingest(lake, PARCELS, delivered_from_jsonl(PARCELS, LINES, FileLimits(rows=5)), ARRIVAL, "b1")
    line = refusal.value.ledger
    assert (line.received, line.quarantined, line.refused) == (1, 1, True)
    assert "FLYWHEEL_MAX_ROWS" in line.table_md()
    assert quarantine.waiting_rows(lake, "parcels")[0][1].raw == LINES
    assert ingest(lake, PARCELS, delivered_from_jsonl(PARCELS, LINES + b"\n"), ARRIVAL, "b2").accepted == 20


def test_a_line_that_is_too_long_harms_no_other():
    odd = json.dumps(parcel(99, state="x" * 5_000)).encode()
    delivery = delivered_from_jsonl(PARCELS, LINES + b"\n" + odd + b"\n" + LINES, FileLimits(line_bytes=1_000))
    assert (len(delivery), list(delivery.faults)) == (41, [20])
    assert f"the line has {len(odd):,} bytes" in delivery.faults[20][0].reason
    assert delivery.raws([20]) == [odd[:1_000]]
    assert delivery.raws([21]) == [LINES.split(b"\n")[0]]


def test_limits_are_settings(monkeypatch):
    monkeypatch.setenv("FLYWHEEL_MAX_ROWS", "7")
    monkeypatch.setenv("FLYWHEEL_MAX_LINE_BYTES", "99")
    assert Settings().file_limits == replace(FileLimits(), rows=7, line_bytes=99)


def test_an_open_file_is_the_same_delivery_as_its_bytes(tmp_path):
    for reader, content in ((delivered_from_jsonl, LINES), (delivered_from_parquet, PARCEL_FILE)):
        (tmp_path / "file").write_bytes(content)
        with (tmp_path / "file").open("rb") as file:
            from_file, from_bytes = reader(PARCELS, file), reader(PARCELS, content)
            assert from_file.digest == from_bytes.digest
            assert from_file.rows.equals(from_bytes.rows)
            assert from_file.raws([3, 1]) == from_bytes.raws([3, 1])


@effort(max_examples=100, deadline=None)
@given(lines=st.lists(st.sampled_from([b'{"door": "d1"}', b"{", b"", b" ", b"x" * 30, b"\r", b'{"door": "d2"}\r']),
                      max_size=12), block=st.integers(1, 40), bom=st.booleans())  # fmt: skip
def test_a_file_is_the_same_rows_in_blocks_of_any_size(lines, block, bom):
    content = (b"\xef\xbb\xbf" if bom else b"") + b"\n".join(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "BLOCK", block)
        delivery = delivered_from_jsonl(DOORS, content, FileLimits(line_bytes=25))
    rows = [line.rstrip(b"\r") for line in b"\n".join(lines).split(b"\n") if line.strip()]
    assert delivery.raws(range(len(delivery))) == [row[:25] for row in rows]
    assert delivery.digest == delivered_from_jsonl(DOORS, content).digest
    assert {row for row, faults in delivery.faults.items() if faults[0].rule == "within_limits"} == {
        place for place, row in enumerate(rows) if len(row) > 25
    }


@pytest.mark.parametrize(
    "torn", [PARCEL_FILE[:-20], PARCEL_FILE[:900], PARCEL_FILE[:4] + PARCEL_FILE[-8:], b"PAR1", b""]
)
def test_a_torn_parquet_file_is_not_said_to_be_too_large(torn):
    [[fault]] = delivered_from_parquet(PARCELS, torn).faults.values()
    assert fault.rule == "readable"
