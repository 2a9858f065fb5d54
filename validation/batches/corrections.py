"""Corrections: rows whose identity was delivered before with other content. A repetition has the same content."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra.arrays import Bools
from infra.giving_back import give_back
from validation.batches.accepted import AcceptedRows
from validation.batches.checks import Check
from validation.batches.chosen import Chosen
from validation.batches.digests import SoughtRows, digests
from validation.contract import Table

Row = Mapping[str, object]
DIFFERS = "differs"
ASKED = "a row that comes again has the same content"
SHOWN = 5  # rows whose old and new values the ledger keeps


def differing(rows: Chosen, again: Bools, accepted_before: AcceptedRows) -> Bools:
    """(rows,) whether a sound row of a batch came before with other content, in the lake or else in the batch.

    `again` says which rows came before. The time of receipt does not count as content: it differs in each delivery.
    """
    table, content = accepted_before.table, _content(accepted_before.table)
    keys = digests(rows.rows, table.identity, rows.wanted)
    repeated = np.unique(keys[again])
    place = np.searchsorted(repeated[:-1], keys)
    compared = rows.wanted & (repeated[place] == keys)  # also the first of those that are in the batch twice
    del keys, place
    sought, contents = SoughtRows.of(rows.rows, table.identity, compared), digests(rows.rows, content, compared)
    differs = np.zeros(len(contents), dtype=bool)
    differs[sought.places] = contents[sought.places] != contents[sought.firsts()]
    give_back()
    for file in sorted(accepted_before.matched_files):
        for part in accepted_before.parts(file, content):
            our_rows, their_rows = sought.matches(part)
            is_matched = np.zeros(part.num_rows, dtype=bool)
            is_matched[their_rows] = True
            differs[our_rows] = contents[our_rows] != digests(part, content, is_matched)[their_rows]
    return differs


def _content(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.name != table.received_time]


def examples(rows: Chosen, differs: Bools, accepted_before: AcceptedRows) -> tuple[str, ...]:
    """A sentence about each of the first rows that differ: its values before and now."""
    table, sentences = accepted_before.table, []
    for row in np.flatnonzero(differs)[:SHOWN].tolist():
        now = rows.rows.slice(row, 1).to_pylist()[0]
        identity = {name: now[name] for name in table.identity}
        before = accepted_before.row(identity) or _first(rows, identity)
        sentences.append(_sentence(table, identity, before, now))
    return tuple(sentences)


def check(differs: int, sentences: Sequence[str]) -> Check:
    """A warning about the rows that differ."""
    return Check(DIFFERS, "warning", ASKED, not differs, differs, "; ".join(sentences))


def _first(rows: Chosen, identity: Row) -> dict[str, object]:
    same_identity = rows.wanted.copy()
    for name, value in identity.items():
        same = pc.equal(rows.rows[name], pa.scalar(value, rows.rows[name].type))
        same_identity &= pc.fill_null(same, False).to_numpy()
    row: dict[str, object] = rows.rows.slice(int(np.argmax(same_identity)), 1).to_pylist()[0]
    return row


def _sentence(table: Table, identity: Row, before: Row, now: Row) -> str:
    whose = ", ".join(f"{name} {str(value)[:80]}" for name, value in identity.items())
    changed = [n for n in now if n != table.received_time and before[n] != now[n]]
    return f"{whose}: " + ", ".join(f"`{n}` was {str(before[n])[:80]}, now {str(now[n])[:80]}" for n in changed)
