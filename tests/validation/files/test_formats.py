"""The kinds of files that are read, and what becomes of a cell, a row and a file that is not what its name says."""

import gzip
import io
import json
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parcels import NOON, PARCELS, parcel

from infra.errors import NotTaken, Unavailable
from infra.settings import FileLimits
from validation.batches import expectations
from validation.files import formats
from validation.files.csv_lines import LONGEST_RECORD
from validation.files.delivered import delivered_from_jsonl, delivered_from_lines
from validation.files.formats import delivered_from_file, format_of

HEAD = "parcel,door,state,weight,paid,labels,handed_at,known_at"
AT = NOON.isoformat()
LINES = b"".join(json.dumps(parcel(number)).encode() + b"\n" for number in range(3))


def zstd(content: bytes) -> bytes:
    return pa.compress(content, codec="zstd", asbytes=True)


def csv(*cells: str) -> bytes:
    return "\n".join([HEAD, *cells]).encode()


def line(number: int = 1, weight: str = "2.0", paid: str = "5", labels: str = '"[""top""]"') -> str:
    return f"p{number},d1,whole,{weight},{paid},{labels},{AT},{AT}"


@pytest.mark.parametrize(
    ("name", "packed"),
    [("a.JSONL", bytes), ("a.ndjson", bytes), ("a.json", bytes), ("a.jsonl.gz", gzip.compress), ("a.Ndjson.ZST", zstd)],
)
def test_json_lines_are_read_under_the_names_they_come_with(name, packed):
    delivery = delivered_from_file(PARCELS, name, packed(LINES))
    assert delivery.rows["parcel"].to_pylist() == ["p0", "p1", "p2"]
    assert delivery.digest == delivered_from_jsonl(PARCELS, LINES).digest, "the same rows are the same batch"


def test_an_array_of_objects_is_read_and_a_torn_one_is_not_guessed_at():
    rows = json.dumps([parcel(0), parcel(1, weight="heavy"), 7], indent=1).encode()
    delivery = delivered_from_file(PARCELS, "a.json", rows)
    assert (len(delivery), sorted(delivery.faults)) == (3, [1, 2])
    assert delivered_from_file(PARCELS, "a.json", rows[:-9]).faults


@pytest.mark.parametrize("name", ["a.txt", "a.xlsx", "jsonl", "a.gz", "a.jsonl.open", "a.jsonl.gz.zst", "a.tsv"])
def test_a_name_that_tells_no_format_is_told_so(name):
    assert format_of(name) is None
    with pytest.raises(NotTaken, match=r"only \.jsonl"):
        delivered_from_file(PARCELS, name, LINES)


@pytest.mark.parametrize(
    "content", [gzip.compress(LINES)[:-9], gzip.compress(LINES) + b"x", LINES], ids=["torn", "more", "not packed"]
)
def test_a_packed_file_that_is_torn_is_one_refused_row(content):
    delivery = delivered_from_file(PARCELS, "a.jsonl.gz", content)
    assert [fault.rule for fault in delivery.faults[0]] == ["readable"]
    assert (len(delivery), delivery.raws([0])) == (1, [content])


def test_a_small_file_that_unpacks_to_a_large_one_is_refused_before_it_is():
    large = gzip.compress(b"\0" * 50_000_000)
    [fault] = delivered_from_file(PARCELS, "a.jsonl.gz", large, FileLimits(unpacked_bytes=1_000_000)).faults[0]
    assert fault.rule == "within_limits"
    assert "more than 1,000,000 bytes unpacked" in fault.reason
    assert "FLYWHEEL_MAX_UNPACKED_BYTES" in fault.reason


def test_a_full_temporary_folder_is_told_with_its_path_and_the_setting(monkeypatch):
    monkeypatch.setattr(formats, "TemporaryFile", partial(Path("/dev/full").open, "r+b", buffering=0))
    with pytest.raises(Unavailable, match=rf"written to {tempfile.gettempdir()}: No space left .* set TMPDIR"):
        delivered_from_file(PARCELS, "a.jsonl.gz", gzip.compress(LINES))


def test_where_no_temporary_folder_can_be_written_the_one_that_is_set_is_named(tmp_path, monkeypatch):
    nowhere = str(tmp_path / "nowhere")
    monkeypatch.setenv("TMPDIR", nowhere)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [nowhere])
    with pytest.raises(Unavailable, match=f"written to {nowhere} or a folder of the system: .* set TMPDIR"):
        delivered_from_file(PARCELS, "a.jsonl.gz", gzip.compress(LINES))
    expectations._definition.cache_clear()
    with pytest.raises(Unavailable, match=f"written to {nowhere} or"):
        expectations.suite_of(PARCELS)


def test_the_limits_of_a_file_hold_for_csv_too():
    limits = FileLimits(rows=2, columns=8, line_bytes=200)
    delivery = delivered_from_file(PARCELS, "a.csv", csv(line(0), "x" * 5_000, line(2)), FileLimits(line_bytes=200))
    assert [fault.reason for fault in delivery.faults[1]] == ["the line is no CSV: it has more than 200 bytes"]
    assert (len(delivery), len(delivery.faults)) == (3, 1)
    [fault] = delivered_from_file(PARCELS, "a.csv", csv(line(0), line(1), line(2)), limits).faults[0]
    assert "more than 2 rows" in fault.reason
    wide = delivered_from_file(PARCELS, "a.csv", csv(line()).replace(b"known_at", b"known_at,hue"), limits)
    assert "it names 9, at most 8 are read" in wide.faults[0][0].reason


def test_csv_cells_have_the_types_of_the_contract():
    delivery = delivered_from_file(PARCELS, "a.csv.gz", gzip.compress(csv(line(), line(2, "", "1e1", ""))))
    assert delivery.faults == {}
    first, second = delivery.rows.to_pylist()
    assert (first["weight"], first["paid"], first["labels"]) == (2.0, 5.0, ["top"])
    assert first["handed_at"] == datetime(2026, 5, 3, 12, tzinfo=UTC)
    assert (second["weight"], second["paid"], second["labels"]) == (None, 10.0, None)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line(weight="heavy"), "`weight` is 'heavy'"),
        (line(weight="nan"), "`weight` is 'nan'"),
        (line(weight="1e39"), "`weight` is 1e+39: a finite number of 32 bits"),
        (line(weight=" 2"), "`weight` is ' 2'"),
        (line(labels="top"), "`labels` is 'top'"),
        (line(labels='"[""\\ud800""]"'), "`labels` is"),
        (f"p1,d1,whole,2,5,,{NOON:%Y-%m-%d},{AT}", "a moment such as"),
        ("p1,d1", "the line has 2 cells, the header 8"),
        ('"p"1,' + line()[3:], "the line is no CSV"),
        ('"p1,' + line()[3:], "the line is no CSV"),
    ],
)
def test_a_bad_cell_is_its_rows_fault_alone(bad, reason):
    delivery = delivered_from_file(PARCELS, "a.csv", csv(line(0), bad, line(2)))
    assert len(delivery) == 3
    [(row, faults)] = delivery.faults.items()
    assert (row, reason in faults[0].reason) == (1, True)
    again = delivered_from_lines(PARCELS, delivery.raws([0, 2]))
    assert again.faults == {}, "a row's raw bytes can be replayed"
    assert again.rows == delivery.rows.take([0, 2])
    assert delivery.raws([1])[0].strip(b'{}"')


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (csv(line()).replace(b",", b";"), "write commas"),
        (line().encode(), "should name the columns"),
        (csv(line()).decode().encode("utf-16"), "save it as UTF-8"),
    ],
)
def test_a_file_that_is_no_csv_of_the_table_says_what_to_do(content, reason):
    delivery = delivered_from_file(PARCELS, "a.csv", content)
    assert (len(delivery), reason in delivery.faults[0][0].reason) == (1, True)


def test_a_column_too_many_is_said_of_each_row():
    delivery = delivered_from_file(
        PARCELS, "a.csv", b"\xef\xbb\xbf" + csv(line() + ",x").replace(b"known_at", b"known_at,hue")
    )
    assert [fault.reason for fault in delivery.faults[0]] == [
        "column `hue` is not defined; drop it or add it to the table's definition"
    ]


def test_a_quote_that_is_never_closed_takes_nothing_with_it():
    rows = [line(number) for number in range(4 * LONGEST_RECORD)]
    rows[3] = '"' + rows[3]
    delivery = delivered_from_file(PARCELS, "a.csv", csv(*rows))
    assert (len(delivery), sorted(delivery.faults)) == (4 * LONGEST_RECORD, [3])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet='",\n\r\\ax\x00\ud7ffé', max_size=12), max_size=12), st.binary(max_size=40))
def test_no_bytes_stop_a_csv_file_from_being_read(texts, tail):
    content = csv(line(0), *texts).replace(b"\r", b"\n") + b"\n" + tail
    delivery = delivered_from_file(PARCELS, "a.csv", content)
    assert len(delivery.raws(range(len(delivery)))) == len(delivery)
    assert 0 not in delivery.faults


def test_parquet_is_read_in_capitals_too():
    sink = pa.BufferOutputStream()
    pq.write_table(delivered_from_jsonl(PARCELS, LINES).rows, sink)
    assert len(delivered_from_file(PARCELS, "A.PARQUET", sink.getvalue().to_pybytes())) == 3


class InParts(io.BytesIO):
    """A file that is too large to be read at once."""

    def read(self, size: int | None = -1) -> bytes:
        """So many bytes."""
        assert size is not None
        assert 0 <= size <= 1 << 20, "read whole"
        return super().read(size)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.jsonl.gz", "a.json", "a.ndjson.gz"])
def test_a_file_of_rows_is_read_in_parts(name):
    content = csv(line(0), line(1), "x", line(2)) if "csv" in name else LINES
    delivery = delivered_from_file(PARCELS, name, InParts(gzip.compress(content) if name.endswith("gz") else content))
    plain = delivered_from_file(PARCELS, name.removesuffix(".gz"), content)
    assert delivery.rows == plain.rows
    assert delivery.digest == plain.digest
    assert delivery.raws([2, 0]) == plain.raws([2, 0])
