"""People removed from what batches left: accepted, refused and discarded rows, and what the ledger quotes."""

import hashlib
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from infra.arrays import Bools
from infra.atomic import atomic_write
from infra.failpoint import reached
from infra.lake import Lake, in_parts
from validation.batches import quarantine
from validation.batches.change import Change, changing
from validation.batches.checks import Check
from validation.batches.ledger import LEDGER, Ledger
from validation.batches.people import says
from validation.contract import Table
from validation.files import delivered_from_lines, names_anyone

ERASED = "(erased)"  # what stands in a message for what it said of a person


@dataclass(frozen=True, slots=True)
class ErasedRows:
    """Rows removed from a table, from quarantine and from what was discarded; ledger lines that quoted them."""

    accepted: int
    quarantined: int
    discarded: int
    quoted: int


def erase_people(
    lake: Lake, table: Table, people: Container[str], names: Container[str], at: datetime, why: str,
    *, dry_run: bool = False,
) -> ErasedRows:  # fmt: skip
    """Remove what the batches of a table say of people. Doing it again removes nothing.

    All rows go in one change, with a line of the ledger, so that it balances.

    names  the words by which messages may name them, such as the ids of their events
    """
    with changing(lake, table.name) as change:
        accepted = _accepted(change, table, people)
        folders = quarantine.quarantine_folder(table.name), f"{quarantine.DISCARDED}/{table.name}"
        waiting, discarded = (_refused(change, table, folder, people) for folder in folders)
        if (accepted or waiting or discarded) and not dry_run:
            digest = hashlib.sha256(f"{table.name} erase {why} {at}".encode()).hexdigest()
            counts = (accepted, 0, 0, 0, False, at, digest)
            batch = f"erase-{at:%Y-%m-%dT%H:%M:%S}"
            change.commit(Ledger(batch, table.name, "erase", *counts, discarded=waiting, erased=accepted, why=why))
        return ErasedRows(accepted, waiting, discarded, _silence(lake, table, names, dry_run))


def _accepted(change: Change, table: Table, people: Container[str]) -> int:
    """Take the days with accepted rows about people into the change; returns how many such rows there are."""
    name, removed = f"tables/{table.name}", 0
    for day in change.lake.days(name):
        files = change.lake.files(name, [day])
        count, rows = _count(files, table, people)
        if count:
            removed += count
            change.rewrite(name, day, partial(_others, files, table, people) if rows > count else None)
    return removed


def _count(files: Sequence[Path], table: Table, people: Container[str]) -> tuple[int, int]:
    """How many rows of files are about people, and how many there are."""
    person = table.person or ""
    parts = [(int(says(part[person], people).sum()), part.num_rows) for part in in_parts(files, table.schema, [person])]
    return sum(about for about, _ in parts), sum(rows for _, rows in parts)


def _others(files: Sequence[Path], table: Table, people: Container[str]) -> Iterator[pa.Table]:
    for part in in_parts(files, table.schema, table.schema.names):
        others = pa.table(part).filter(pa.array(~says(part[table.person], people)))
        if len(others):
            yield others.cast(table.schema)


def _refused(change: Change, table: Table, folder: str, people: Container[str]) -> int:
    """The same for a folder of refused rows."""
    removed = 0
    for day in change.lake.days(folder):
        rows = change.lake.read(folder, [day], schema=quarantine.SCHEMA)
        about = _about(table, rows["raw"].to_pylist(), people)
        if about.any():
            removed += int(about.sum())
            change.replace(folder, {day: rows.filter(pa.array(~about))})
    return removed


def _about(table: Table, raws: list[bytes], people: Container[str]) -> Bools:
    """(raws,) whether refused rows are about people; one that says nobody, about everybody among its words."""
    typed = delivered_from_lines(table, raws).rows[table.person]
    silent = typed.is_null().to_pylist()
    words = [unread and names_anyone(raw, people) for raw, unread in zip(raws, silent, strict=True)]
    about: Bools = np.logical_or(says(typed, people), words)
    return about


def _silence(lake: Lake, table: Table, names: Container[str], dry_run: bool) -> int:
    """Replace what ledger lines quote of people, each file in one step; returns how many lines did."""
    count = 0
    for path in lake.parts(LEDGER, f"{table.name}-*"):
        rows = pq.read_table(path, partitioning=None)
        [text] = rows["line"].to_pylist()
        before = msgspec.json.decode(text, type=Ledger)
        after = msgspec.structs.replace(
            before,
            checks=tuple(_silent(check, names) for check in before.checks),
            examples=tuple(ERASED if _names(each, names) else each for each in before.examples),
            why=ERASED if _names(before.why, names) else before.why,
        )
        if after != before:
            count += 1
            if not dry_run:
                column = pa.array([msgspec.json.encode(after).decode()])
                with atomic_write(path) as draft:
                    pq.write_table(rows.set_column(rows.column_names.index("line"), "line", column), draft)
                reached("ledger.silenced")
    return count


def _silent(check: Check, names: Container[str]) -> Check:
    return msgspec.structs.replace(check, measured=ERASED) if _names(check.measured, names) else check


def _names(text: str, names: Container[str]) -> bool:
    return names_anyone(text.encode(), names)
