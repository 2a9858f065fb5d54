"""What can be read of a delivery without a guess, and what is refused instead."""

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from validation.contract import Column, Table
from validation.files.delivered import delivered_from_arrow, delivered_from_jsonl, delivered_from_lines

NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)
PARCELS = Table(
    name="parcels",
    row="one parcel handed over",
    owner="tests",
    key=("parcel",),
    event_time="handed_at",
    received_time="known_at",
    columns=(
        Column("parcel", "string", "id"),
        Column("weight", "float32", "weight", nullable=True),
        Column("stops", "int32", "stops", nullable=True),
        Column("parcels_before", "int64", "count", nullable=True),
        Column("fragile", "bool", "handle with care", nullable=True),
        Column("labels", "strings", "stickers", nullable=True),
        Column("scans", "floats", "scanner values", nullable=True),
        Column("handed_at", "timestamp", "when"),
        Column("known_at", "timestamp", "when we knew"),
    ),
)


def read(**cells):
    line = json.dumps({"parcel": "p", "handed_at": "2026-05-03T12:00:00Z"} | cells).encode()
    return delivered_from_jsonl(PARCELS, line)


@pytest.mark.parametrize(
    ("column", "delivered", "accepted"),
    [
        ("handed_at", "2026-05-03T12:00:00Z", NOON),
        ("handed_at", "2026-05-03 12:00", NOON),
        ("handed_at", "2026-05-03T14:00:00.000+02:00", NOON),
        ("handed_at", "2026-05-03T07:00:00.123456789-0500", NOON.replace(microsecond=123456)),
        ("weight", 3, 3.0),
        ("weight", None, None),
        ("stops", 3.0, 3),
        ("parcels_before", 2**40, 2**40),
        ("fragile", False, False),
        ("labels", [], []),
        ("labels", ["top"], ["top"]),
        ("scans", [1, None, 2.5], [1.0, None, 2.5]),
    ],
)
def test_values_that_say_what_they_mean_are_taken(column, delivered, accepted):
    delivery = read(**{column: delivered})
    assert not delivery.faults
    assert delivery.rows[column].to_pylist() == [accepted]


@pytest.mark.parametrize(
    ("column", "delivered"),
    [
        ("handed_at", 1777809600),  # seconds or milliseconds: nobody can tell
        ("handed_at", "2026-05-03"),  # a day is no moment
        ("handed_at", "03/05/2026 12:00"),
        ("handed_at", "2026-13-03T12:00:00Z"),
        ("handed_at", "20260503T120000Z"),
        ("weight", "3.5"),
        ("weight", True),
        ("weight", float("nan")),
        ("weight", float("inf")),
        ("weight", 1e39),  # too large for 32 bits
        ("stops", 2.5),
        ("stops", 2**31),
        ("parcels_before", 2**63),
        ("parcels_before", 2**200),
        ("fragile", "yes"),
        ("fragile", 1),
        ("labels", "top"),
        ("labels", ["top", None]),
        ("labels", [1]),
        ("scans", [1, "2"]),
        ("scans", [float("inf")]),
        ("parcel", 17),
        ("parcel", "\ud800"),  # a lone surrogate cannot be stored
        ("parcel", {"id": 1}),
    ],
)
def test_values_that_would_need_a_guess_are_faults_that_name_the_column(column, delivered):
    delivery = read(**{column: delivered})
    assert delivery.rows[column].to_pylist() == [None]
    assert [fault.rule for fault in delivery.faults[0]] == ["typed"]
    assert f"`{column}`" in delivery.faults[0][0].reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"null", "no object"),
        (b"[1]", "no object"),
        (b"[" * 100_000, "nested"),
        (b'{"parcel": "p", "colour": "red"}', "`colour` is not defined"),
    ],
)
def test_lines_that_are_no_rows_are_kept_with_the_reason(line, reason):
    delivery = delivered_from_lines(PARCELS, [line])
    assert reason in delivery.faults[0][0].reason
    assert delivery.raws([0]) == [line]


def test_one_bad_value_spoils_its_own_row_only():
    delivery = delivered_from_lines(PARCELS, [b'{"weight": 1}', b'{"weight": "x"}', b'{"weight": 3}'])
    assert delivery.rows["weight"].to_pylist() == [1.0, None, 3.0]
    assert list(delivery.faults) == [1]


def test_byte_order_mark_windows_line_ends_and_blank_lines_are_no_rows():
    delivery = delivered_from_jsonl(PARCELS, b'\xef\xbb\xbf{"parcel": "a"}\r\n\r\n{"parcel": "b"}\r\n')
    assert delivery.rows["parcel"].to_pylist() == ["a", "b"]
    assert not delivery.faults


@pytest.mark.parametrize(
    "array",
    [
        pa.array([NOON.replace(tzinfo=None)], pa.timestamp("ns")),
        pa.array([NOON], pa.timestamp("ms", tz="Europe/Berlin")),
        pa.array([NOON], pa.timestamp("s", tz="UTC")),
        pa.array(["2026-05-03T12:00:00Z"]),
    ],
    ids=["naive is UTC", "zoned", "seconds", "text"],
)
def test_moments_of_parquet_files(array):
    delivery = delivered_from_arrow(PARCELS, pa.table({"handed_at": array}))
    assert not delivery.faults
    assert delivery.rows["handed_at"].to_pylist() == [NOON]


@pytest.mark.parametrize("array", [pa.array([1777809600]), pa.array([NOON.date()]), pa.array([b"2026"])])
def test_parquet_columns_of_another_kind_are_faults(array):
    assert delivered_from_arrow(PARCELS, pa.table({"handed_at": array})).faults[0][0].rule == "typed"


def test_arrow_kinds_that_lose_nothing_are_taken():
    frame = pd.DataFrame({
        "parcel": pd.Series(["a", "b"], dtype="category"),
        "weight": np.array([1, 2]),
        "stops": np.array([1.0, 2.0]),
        "parcels_before": np.array([1, 2], dtype="uint8"),
        "scans": [[1.0, float("nan")], []],
    })  # fmt: skip
    delivery = delivered_from_arrow(PARCELS, pa.Table.from_pandas(frame, preserve_index=False))
    assert not delivery.faults
    assert delivery.rows["parcel"].to_pylist() == ["a", "b"]
    assert delivery.rows["stops"].to_pylist() == [1, 2]


def test_a_parquet_nan_is_a_fault_and_a_null_is_none():
    table = pa.table({"weight": pa.array([1.0, float("nan"), None])})
    delivery = delivered_from_arrow(PARCELS, table)
    assert list(delivery.faults) == [1]
    assert b"NaN" in delivery.raws([1])[0]


def test_a_column_that_comes_twice_is_no_column():
    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["parcel", "parcel"])
    assert "comes 2 times" in delivered_from_arrow(PARCELS, twice).faults[0][0].reason
