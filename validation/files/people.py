"""Rows of delivered files that are about certain people: recognised in rows of any form, and removed from files."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Container, Iterator
from io import BytesIO
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from infra.atomic import atomic_write
from infra.failpoint import reached
from infra.settings import FileLimits
from validation.contract import Table
from validation.files.csv_lines import csv_records
from validation.files.delivered import BROKEN
from validation.files.flaws import Fault
from validation.files.formats import Torn, format_of, unpacked
from validation.files.json_lines import BOM, object_of
from validation.files.landed import content_of

ANY_SIZE = FileLimits(*[sys.maxsize] * 5)
WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s\x00-\x1f\ufffd",;:=\[\]{}()<>\'`|]+)')
"""A text in quotes, or what stands between the signs of JSON, CSV and sentences."""
SIGNS = "\"',;:=.[]{}()<>`|"


def names_anyone(raw: bytes, people: Container[str]) -> bool:
    """Whether a row that cannot be read, or that says nobody, has one of these people among its words."""
    return any(word in people for word in _words(raw.decode(errors="replace")))


def _words(text: str) -> Iterator[str]:
    for quoted, bare in WORD.findall(text):
        if "\\" in quoted:
            try:
                yield json.loads(f'"{quoted}"')
                continue
            except ValueError:
                pass
        yield quoted or bare
        yield bare.strip(SIGNS)
    yield from (word.strip(SIGNS) for word in text.split())  # an id may have such signs in it


def remove_people(table: Table, path: Path, people: Container[str], *, dry_run: bool = False) -> int:
    """Remove the rows about people from a landed file, in one step; returns how many there were.

    A row is about the person in the table's column of people; one that cannot be read, about everybody it has among
    its words. All other rows stay, byte for byte in a file of lines. A file without any other row is removed, and so is
    one that cannot be unpacked or read and names one of the people.
    """
    file_format = format_of(path.name)
    if file_format is None or table.person is None:
        return 0
    content = content_of(path, sys.maxsize)
    remove = REMOVERS.get(file_format.end, _lines)
    try:
        rows, removed = remove(table, unpacked(path.name, content, ANY_SIZE), people)
    except (Torn, *BROKEN):
        rows, removed = b"", int(names_anyone(content, people))
    if not removed or dry_run:
        return removed
    if not rows:
        path.unlink()
    else:
        with atomic_write(path) as draft:
            with pa.output_stream(draft, compression=file_format.packed) as file:
                file.write(rows)
            shutil.copystat(path, draft)
            os.utime(draft, None)
    reached("landing.people_removed")
    return removed


def _lines(table: Table, content: bytes, people: Container[str]) -> tuple[bytes, int]:
    begin = BOM if content.startswith(BOM) else b""
    lines = content.removeprefix(BOM).splitlines(keepends=True)
    stay = [line for line in lines if not _is_about(table, line, people)]
    rows = b"".join(stay)
    return (begin + rows if rows.strip() else b""), len(lines) - len(stay)


def _json(table: Table, content: bytes, people: Container[str]) -> tuple[bytes, int]:
    try:
        rows = msgspec.json.decode(content.removeprefix(BOM), type=list[msgspec.Raw])
    except (ValueError, RecursionError):
        return _lines(table, content, people)
    stay = [bytes(row) for row in rows if not _is_about(table, bytes(row), people)]
    return (b"[" + b",\n".join(stay) + b"]" if stay else b""), len(rows) - len(stay)


def _is_about(table: Table, line: bytes, people: Container[str]) -> bool:
    row = object_of(line) if line.strip() else {}
    person = None if isinstance(row, Fault) else row.get(table.person or "")
    return str(person) in people if isinstance(person, str | int) else names_anyone(line, people)


def _csv(table: Table, content: bytes, people: Container[str]) -> tuple[bytes, int]:
    records = csv_records(BytesIO(content))
    header, names = next(records, (b"", ()))
    place = next((i for i, name in enumerate(names) if name.strip() == table.person), None)
    if isinstance(names, Fault) or place is None:
        return (b"", 1) if names_anyone(content, people) else (content, 0)
    stay, all_rows = [], 0
    for raw, cells in records:
        all_rows += 1
        fits = not isinstance(cells, Fault) and len(cells) == len(names)
        if not (cells[place] in people if fits else names_anyone(raw, people)):
            stay.append(raw)
    return (header + b"".join(stay) if stay else b""), all_rows - len(stay)


def _parquet(table: Table, content: bytes, people: Container[str]) -> tuple[bytes, int]:
    rows = pq.read_table(BytesIO(content), partitioning=None)
    if table.person not in rows.column_names:
        return content, 0
    stays = [person is None or str(person) not in people for person in rows[table.person].to_pylist()]
    sink = BytesIO()
    pq.write_table(rows.filter(pa.array(stays, pa.bool_())), sink)
    return (sink.getvalue() if any(stays) else b""), len(stays) - sum(stays)


Remover = Callable[[Table, bytes, Container[str]], tuple[bytes, int]]
REMOVERS: dict[str, Remover] = {".csv": _csv, ".parquet": _parquet, ".json": _json}
"""How the rows of people are removed from the content of a file, by the end of its name; else line by line."""
