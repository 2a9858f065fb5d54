"""Ingestion: landed files of a system, through its contracts, into the lake."""

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa

from orchestration.partitions import day_of
from orchestration.sources.bundles import bundled
from orchestration.sources.landing import Delivery, deliveries, files, set_aside, take_in
from orchestration.system import Installation
from validation import quarantine
from validation.contract import Table, unknown
from validation.errors import DefinitionError, MendRefused
from validation.intake import replay
from validation.ledger import Ledger, ledger_md


@dataclass(frozen=True)
class Ingested:
    """The ledger's lines of one run."""

    lines: tuple[Ledger, ...]

    @property
    def refused(self) -> bool:
        """Whether any batch was refused."""
        return any(line.refused for line in self.lines)

    def facts(self) -> dict[str, int]:
        """The counts of all batches together."""
        names = ("received", "accepted", "duplicate", "quarantined")
        return {"batches": len(self.lines), **{n: sum(getattr(line, n) for line in self.lines) for n in names}}

    def ledger_md(self) -> str:
        """The ledger as Markdown."""
        return ledger_md(self.lines) if self.lines else "No file was waiting."

    def failures_md(self) -> str:
        """What failed in each batch in which something did; refused batches first."""
        failed = sorted((x for x in self.lines if x.quarantined or x.refused), key=lambda line: not line.refused)
        parts = [
            f"**{'REFUSED ' if line.refused else ''}{line.table} {line.batch}**\n\n{line.table_md()}" for line in failed
        ]
        return "\n\n".join(parts) or f"Every row of {len(self.lines)} batches holds."


def ingest_days(at: Installation, table: Table, first: date, last: date) -> Ingested:
    """Take in the landing's files of a table whose names begin with one of these days; other files count as today's.

    A file belongs to the moment its day ended, or to now while the day lasts. What a service handed over in many
    small files is taken as one delivery.
    """
    landing, lines = at.settings.landing, []
    by_day: dict[date, list[Path]] = {}
    for path in files(landing, table):
        by_day.setdefault(day_of(path) or at.now().date(), []).append(path)
    for day in sorted(day for day in by_day if first <= day <= last):
        for path in bundled(landing, table, by_day[day]):
            delivery = Delivery(table, path)
            lines += take_in(at.lake, [delivery], at.as_of(day), at.settings.file_limits)
            set_aside(landing, delivery)
    return Ingested(tuple(lines))


def ingest_path(at: Installation, path: Path, table: str | None, say: Callable[[str], None]) -> list[Ledger]:
    """Take in files from anywhere; they stay where they are."""
    if not path.exists():
        raise DefinitionError(f"nothing to ingest: {path} does not exist.")
    with contextlib.suppress(NotImplementedError):  # this Arrow was built without it
        pa.set_memory_pool(pa.jemalloc_memory_pool())  # gives back what was unpacked: 50 MiB in 1 M rows
    found = deliveries(path, at.system.tables, _table(at, table) if table else None)
    lines: list[Ledger] = []
    for place, delivery in enumerate(found, 1):
        say(f"[{place}/{len(found)}] {delivery.path.name}")
        lines += take_in(at.lake, [delivery], at.now(), at.settings.file_limits)
    report(at, lines)
    return lines


def export_day(at: Installation, day: date, table: str | None, target: Path) -> int:
    """Write the rows quarantined on a day to a file for a person to mend; returns how many there are."""
    tables = [_table(at, table)] if table else at.system.tables
    rows = [row for t in tables for row in quarantine.waiting(at.lake, t.name, day)]
    target.write_bytes(b"".join(line + b"\n" for line in quarantine.as_lines(row for _, row in rows)))
    return len(rows)


def replay_day(
    at: Installation, day: date, mended: Path | None, table: str | None, say: Callable[[str], None] = print
) -> list[Ledger]:
    """Take up the rows that were quarantined on a day again, mended by a file of lines where one is given."""
    mend = _mend(mended) if mended else None
    tables = [_table(at, table)] if table else at.system.tables
    held = [t for t in tables if day in at.lake.days(quarantine.folder(t.name))]
    if not held:
        raise DefinitionError(f"quarantine: no row of {', '.join(t.name for t in tables)} arrived on {day}.")
    if mend:
        _tell_unmet(at, mend, day, held, say)
    lines = [replay(at.lake, t, day, at.now(), mend) for t in held]
    report(at, lines)
    return lines


def _mend(path: Path) -> quarantine.Mended:
    try:
        return quarantine.mended_by(path.read_bytes())
    except OSError as error:
        raise MendRefused(f"{path}: it cannot be read ({error.strerror}). Nothing was replayed.") from error


def _tell_unmet(
    at: Installation, mend: quarantine.Mended, day: date, held: Sequence[Table], say: Callable[[str], None]
) -> None:
    """Tell which rows of a mend file are not waiting; raises MendRefused when none of them is."""
    unmet = mend.unmet(row for t in held for _, row in quarantine.waiting(at.lake, t.name, day))
    if not unmet:
        return
    batch, row = unmet[0]
    told = f"{len(unmet):,} of {len(mend.rows):,} mended rows do not wait in quarantine of {day}"
    told += f" (row {row} of batch {batch}, for example)"
    if len(unmet) == len(mend.rows):
        raise MendRefused(f"{told}: nothing was replayed. `--replay {day} --export FILE` writes those that wait.")
    say(f"{told}; the others are replayed.")


def report(at: Installation, lines: Sequence[Ledger]) -> None:
    """Tell Dagster what was taken in outside of a run, where it keeps its records here."""
    if not (at.settings.home / "dagster").exists():
        return
    import dagster as dg

    from orchestration.up import environment

    os.environ.update(environment(at.settings))
    with dg.DagsterInstance.get() as instance:
        for line in lines:
            for day in line.days:
                told = {name: value for name, value in line.facts().items() if value is not None}
                instance.report_runless_asset_event(
                    dg.AssetMaterialization(line.table, partition=day.isoformat(), metadata=told)
                )


def _table(at: Installation, name: str) -> Table:
    if name not in at.tables:
        raise DefinitionError(f"table {unknown(name, at.tables)}")
    return at.tables[name]
