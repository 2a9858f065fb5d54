"""What people do with quarantined rows: write them to a file, take them up again once they are mended, give them up."""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from infra.errors import DefinitionError, MendRefused
from infra.pseudonyms import pseudonyms
from orchestration.ingestion import report, table_named
from orchestration.system import Installation
from validation.batches import (
    Ledger,
    Mended,
    discard,
    mend_with_pseudonyms,
    mended_by,
    mending_lines,
    quarantine_folder,
    replay,
    waiting_rows,
)
from validation.contract import Table


def export_day(installation: Installation, day: date, table: str | None, target: Path) -> int:
    """Write the rows quarantined on a day to a file for a person to mend; returns how many there are."""
    tables = [table_named(installation, table)] if table else installation.system.tables
    rows = [row for t in tables for row in waiting_rows(installation.lake, t.name, day)]
    target.write_bytes(b"".join(line + b"\n" for line in mending_lines(row for _, row in rows)))
    return len(rows)


def replay_day(
    installation: Installation, day: date, mended: Path | None, table: str | None, say: Callable[[str], None] = print
) -> list[Ledger]:
    """Take up the rows that were quarantined on a day again, mended by a file of lines where one is given."""
    mend = _mend(mended) if mended else None
    tables = [table_named(installation, table)] if table else installation.system.tables
    waiting_tables = _tables_waiting(installation, tables, day)
    if mend:
        _report_unmet(installation, mend, day, waiting_tables, say)
    ids = pseudonyms(installation.settings)
    lines = [
        replay(installation.lake, t, day, installation.now(), mend_with_pseudonyms(mend, t, ids))
        for t in waiting_tables
    ]
    report(installation, lines)
    return lines


def discard_day(installation: Installation, day: date, table: str | None, why: str) -> list[Ledger]:
    """Give up the rows that were quarantined on a day, for the reason in `why`: they will not be mended."""
    tables = [table_named(installation, table)] if table else installation.system.tables
    return [
        discard(installation.lake, t, day, installation.now(), why) for t in _tables_waiting(installation, tables, day)
    ]


def _tables_waiting(installation: Installation, tables: Sequence[Table], day: date) -> list[Table]:
    """The tables of which rows wait that arrived on a day; raises DefinitionError when none does."""
    waiting_tables = [t for t in tables if day in installation.lake.days(quarantine_folder(t.name))]
    if not waiting_tables:
        raise DefinitionError(f"quarantine: no row of {', '.join(t.name for t in tables)} arrived on {day}.")
    return waiting_tables


def _mend(path: Path) -> Mended:
    try:
        return mended_by(path.read_bytes())
    except OSError as error:
        raise MendRefused(f"{path}: it cannot be read ({error.strerror}). Nothing was replayed.") from error


def _report_unmet(
    installation: Installation, mend: Mended, day: date, waiting_tables: Sequence[Table], say: Callable[[str], None]
) -> None:
    """Report which rows of a mend file are not waiting; raises MendRefused when none of them is."""
    unmet = mend.unmet(row for t in waiting_tables for _, row in waiting_rows(installation.lake, t.name, day))
    if not unmet:
        return
    batch, row = unmet[0]
    sentence = f"{len(unmet):,} of {len(mend.rows):,} mended rows do not wait in quarantine of {day}"
    sentence += f" (row {row} of batch {batch}, for example)"
    if len(unmet) == len(mend.rows):
        raise MendRefused(f"{sentence}: nothing was replayed. `--replay {day} --export FILE` writes those that wait.")
    say(f"{sentence}; the others are replayed.")
