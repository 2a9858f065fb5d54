"""Rows about a person leave a landed file of any kind; all other rows stay as they were delivered."""

import bz2
import gzip
import io
import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from parcels import PARCELS, parcel

from validation.files.formats import delivered_from_file
from validation.files.people import names_anyone, remove_people

BY_DOOR = replace(PARCELS, person="door")  # p3 and p10 of seventeen parcels are of d3
ROWS = [parcel(number) for number in range(17)]
LINES = b"".join(json.dumps(row).encode() + b"\r\n" for row in ROWS)
HEAD = "parcel,door,state\r\n"
CSV = (HEAD + "".join(f'{row["parcel"]},"{row["door"]}",whole\r\n' for row in ROWS)).encode()


def parquet(rows: list[dict[str, object]], **how: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, **how)
    return sink.getvalue()


def zstd(content: bytes) -> bytes:
    return pa.compress(content, codec="zstd", asbytes=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", LINES),
        ("a.jsonl", b"\xef\xbb\xbf" + LINES),
        ("a.ndjson.gz", gzip.compress(LINES)),
        ("a.jsonl.bz2", bz2.compress(LINES)),
        ("a.jsonl.zst", zstd(LINES)),
        ("a.json", json.dumps(ROWS).encode()),
        ("a.json", LINES),
        ("a.csv", CSV),
        ("a.csv", b"\xef\xbb\xbf" + CSV),
        ("a.csv.gz", gzip.compress(CSV)),
        ("a.parquet", parquet(ROWS)),
    ],
)
def test_the_rows_about_a_person_leave_and_the_others_are_what_they_were(name, content, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    assert remove_people(BY_DOOR, path, {"d3"}, dry_run=True) == 2
    assert path.read_bytes() == content
    assert remove_people(BY_DOOR, path, {"d3"}) == 2
    before, after = (delivered_from_file(BY_DOOR, name, each) for each in (content, path.read_bytes()))
    stay = [door != "d3" for door in before.rows["door"].to_pylist()]
    assert after.rows.equals(before.rows.filter(pa.array(stay)))
    after_bytes = path.read_bytes()
    assert remove_people(BY_DOOR, path, {"d3"}) == 0
    assert path.read_bytes() == after_bytes


@pytest.mark.parametrize(
    "line",
    [b'{"door": "d3", "par', b'{"dooor": "d3"}', b'{"door": ["d3"]}', b"d3;p1", b'{"door": "\\u0064\\u0033"'],
    ids=["half a line", "a misspelt column", "a list", "no JSON", "escaped"],
)
def test_a_row_that_cannot_be_read_is_about_whom_it_names(line, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES + line + b"\n")
    assert remove_people(BY_DOOR, path, {"d3"}) == 3


def test_a_file_of_one_person_alone_goes_and_so_does_a_torn_one_that_names_them(tmp_path):
    torn = parquet(ROWS, compression="none", use_dictionary=False)[:-20]
    for name, content in {"a.jsonl": json.dumps(parcel(3)).encode(), "b.parquet": torn}.items():
        (tmp_path / name).write_bytes(content)
        assert remove_people(BY_DOOR, tmp_path / name, {"d3"}) == 1
        assert not (tmp_path / name).exists()


@pytest.mark.parametrize("text", ["d33", "ad3", "d3-1", "x: d31, d"])
def test_a_longer_word_is_another_person(text):
    assert not names_anyone(text.encode(), {"d3"})


@pytest.mark.parametrize("text", ["door d3: `state` was", "'d3'", "(d3)", '{"door":"d3"', "door=d3."])
def test_a_sentence_names_a_person_in_quotes_or_not(text):
    assert names_anyone(text.encode(), {"d3"})
