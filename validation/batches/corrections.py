"""Rows that come again and say something else: told apart from repetitions, which say the same."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra.arrays import Bools
from infra.giving_back import give_back
from validation.batches.accepted import AcceptedRows
from validation.batches.checks import Check
from validation.batches.chosen import Chosen
from validation.batches.digests import Sought, digests
from validation.contract import Table

DIFFERS = "differs"
ASKED = "a row that comes again says what it said before"
SHOWN = 5  # rows of which the ledger keeps what they said


def differing(rows: Chosen, again: Bools, past: AcceptedRows) -> Bools:
    """Which of a batch's sound rows were there before, in the lake or else in the batch, with other content.

    `again` says which rows came before. When a row was received is no content: whoever delivers a row again does so
    later.
    """
    table, content = past.table, _content(past.table)
    keys = digests(rows.rows, table.identity, rows.wanted)
    repeated = np.unique(keys[again])
    place = np.searchsorted(repeated[:-1], keys)
    asked = rows.wanted & (repeated[place] == keys)  # also the first of those that are in the batch twice
    del keys, place
    sought, said = Sought.of(rows.rows, table.identity, asked), digests(rows.rows, content, asked)
    differs = np.zeros(len(said), dtype=bool)
    differs[sought.places] = said[sought.places] != said[sought.firsts()]
    give_back()
    for file in sorted(past.met):
        for some in past.parts(file, content):
            mine, theirs = sought.met(some)
            there = np.zeros(some.num_rows, dtype=bool)
            there[theirs] = True
            differs[mine] = said[mine] != digests(some, content, there)[theirs]
    return differs


def _content(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.name != table.received_time]


def examples(rows: Chosen, differs: Bools, past: AcceptedRows) -> tuple[str, ...]:
    """What the first of the rows that differ said before, and what they say now."""
    table, found = past.table, []
    for row in np.flatnonzero(differs)[:SHOWN].tolist():
        now = rows.rows.slice(row, 1).to_pylist()[0]
        identity = {name: now[name] for name in table.identity}
        before = past.row(identity) or _first(rows, identity)
        found.append(_told(table, identity, before, now))
    return tuple(found)


def check(differs: int, said: Sequence[str]) -> Check:
    """A warning about the rows that differ."""
    return Check(DIFFERS, "warning", ASKED, not differs, differs, "; ".join(said))


def _first(rows: Chosen, identity: Mapping[str, object]) -> dict[str, object]:
    alike = rows.wanted.copy()
    for name, value in identity.items():
        same = pc.equal(rows.rows[name], pa.scalar(value, rows.rows[name].type))
        alike &= pc.fill_null(same, False).to_numpy()
    row: dict[str, object] = rows.rows.slice(int(np.argmax(alike)), 1).to_pylist()[0]
    return row


def _told(table: Table, identity: Mapping[str, object], before: Mapping[str, object], now: Mapping[str, object]) -> str:
    whose = ", ".join(f"{name} {str(value)[:80]}" for name, value in identity.items())
    news = [n for n in now if n != table.received_time and before[n] != now[n]]
    return f"{whose}: " + ", ".join(f"`{n}` was {str(before[n])[:80]}, now {str(now[n])[:80]}" for n in news)
