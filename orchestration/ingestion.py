"""Ingestion: landed files of a system, through its contracts, into the lake."""

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pyarrow as pa

from feature_repo.folding import closed_days
from infra import alerts
from infra.errors import DefinitionError
from infra.failpoint import reached
from infra.pseudonyms import pseudonyms
from orchestration import batch_report, runless
from orchestration.late_files import work_of
from orchestration.naming import key
from orchestration.partitions import day_of, landed
from orchestration.replay import lives_in_the_past
from orchestration.sources.bundles import bundled
from orchestration.sources.landing import (
    Delivery,
    DeliveryOutcome,
    Failed,
    attempt,
    set_aside,
    set_aside_failed,
    without_people,
)
from orchestration.stale_days import nothing_published, stale_days
from orchestration.system import Installation
from validation.batches import (
    Ledger,
    erased_people,
    ledger_md,
)
from validation.contract import Table, unknown
from validation.files import PassedOver, scan_folder, shown


@dataclass(frozen=True)
class Ingested:
    """What became of the files of one run.

    lines        of the ledger, one a batch
    failed       deliveries that could not be taken, though their name and kind were in order
    passed_over  paths that are no delivery
    waiting_references  sentences about rows that name what waits in quarantine
    names        the file of each batch
    """

    lines: tuple[Ledger, ...]
    failed: tuple[Failed, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    waiting_references: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether any batch was refused."""
        return any(line.refused for line in self.lines)

    @property
    def complete(self) -> bool:
        """Whether there was something to take, and nothing of it was refused, failed or passed over wrongly."""
        lost = self.refused or self.failed or any(each.refused for each in self.passed_over)
        return bool(self.lines) and not lost

    def facts(self) -> dict[str, int]:
        """The counts of all batches together."""
        names = ("received", "accepted", "duplicate", "differs", "quarantined", "erased")
        sums = {n: sum(getattr(line, n) for line in self.lines) for n in names}
        return {"batches": len(self.lines), **sums, "set aside": len(self.failed), "not taken": len(self.passed_over)}

    def ledger_md(self) -> str:
        """The ledger as Markdown."""
        return ledger_md(self.lines) if self.lines else "No file was waiting."

    def failures_md(self) -> str:
        """What failed in each batch in which something did; refused batches first."""
        odd = [line for line in self.lines if line.quarantined or line.refused or line.warnings]
        failed = sorted(odd, key=lambda line: not line.refused)
        parts = [
            f"**{'REFUSED ' if line.refused else ''}{line.table} {line.batch}**\n\n{line.table_md()}" for line in failed
        ]
        parts += [f"- {sentence}" for sentence in self.waiting_references]
        return "\n\n".join(parts) or f"Every row of {len(self.lines)} batches holds."

    def untaken_md(self) -> str:
        """The files that were not taken, each with its reason."""
        return "\n".join(f"- {each}" for each in (*self.failed, *self.passed_over)) or "Every file was taken."


def ingest_days(installation: Installation, table: Table, first: date, last: date) -> Ingested:
    """Take in the landing's files of a table whose names begin with one of these days; other files count as today's.

    A file arrives at the moment its day ends, or now while the day lasts; late ones arrive today (`work_of`). What a
    service handed over in many small files is taken as one delivery. One that cannot be taken is set aside in
    `failed`, with its error.
    """
    with installation.lake.locked(f"landing {table.name}"):
        return _landed_on(installation, table, first, last)


def _landed_on(installation: Installation, table: Table, first: date, last: date) -> Ingested:
    landing, outcomes = installation.settings.landing, list[DeliveryOutcome | Failed]()
    ids = pseudonyms(installation.settings)
    scan = landed(installation)
    today, closed = installation.now().date(), closed_days(installation.lake)
    files_by_day = work_of(scan.of(table), today, closed, (first, last))
    for day in sorted(day for day in files_by_day if first <= day <= last):
        below = {file.path: file.below for file in files_by_day[day]}
        for path in bundled(landing, table, below):
            outcomes.append(_landed(installation, Delivery(table, path, below.get(path, path.name), ids), day))
    is_first = table is installation.system.tables[0]  # its run also reports what lies in no table's folder
    passed_over = [each for each in scan.refused if each.table is table or (is_first and each.table is None)]
    return _ingested(outcomes, passed_over)


def _landed(installation: Installation, delivery: Delivery, day: date) -> DeliveryOutcome | Failed:
    """Take in one delivery of the landing, and move it to where it belongs then."""
    before = _written(delivery.path)
    arrival, limits = installation.as_of(day), installation.settings.file_limits
    history = day_of(delivery.below) is None and nothing_published(installation)
    outcome = attempt(installation.lake, delivery, arrival, limits, history=history)
    if isinstance(outcome, DeliveryOutcome) and _written(delivery.path) not in (before, None):
        reason = "it was written to while it was taken in; it stays here, and the next run takes what is new"
        outcome = Failed(delivery.table.name, delivery.path, reason)
    elif isinstance(outcome, DeliveryOutcome):
        reached("landing.taken")
        try:
            if outcome.line.erased:
                without_people(delivery, erased_people(installation.lake))
            set_aside(installation.settings.landing, delivery)
            return outcome
        except OSError as error:
            reason = f"it was taken in, but could not be moved to `done` ({error.strerror})"
            outcome = Failed(delivery.table.name, delivery.path, reason)
    else:
        outcome = set_aside_failed(installation.settings.landing, delivery, outcome)
    alerts.write(
        installation.settings.home,
        installation.now(),
        table=outcome.table,
        file=shown(outcome.path),
        error=outcome.error,
    )
    return outcome


def _written(path: Path) -> tuple[int, int] | None:
    """Size and time of the last change of a file; None when it is gone."""
    with contextlib.suppress(FileNotFoundError):
        facts = path.lstat()
        return facts.st_size, facts.st_mtime_ns
    return None


def ingest_path(
    installation: Installation, path: Path, table: str | None, say: Callable[[str], None], *, history: bool = False
) -> Ingested:
    """Take in files from anywhere, which arrive now; they stay where they are.

    Of `history` what rows say of their receipt is believed; so it is while nothing was ever published here, for then
    nothing was computed without them, and where past events are replayed. Raises DefinitionError where nothing can be
    taken.
    """
    if not os.path.lexists(path):
        raise DefinitionError(f"nothing to ingest: {shown(path)} does not exist.")
    with contextlib.suppress(NotImplementedError):  # this Arrow was built without it
        pa.set_memory_pool(pa.jemalloc_memory_pool())  # gives back what was unpacked: 50 MiB in 1 M rows
    scan = scan_folder(
        path,
        installation.system.tables,
        table_named(installation, table) if table else None,
        installation.settings.home,
    )
    if not scan.files:
        why = "".join(f"\n  {each}" for each in scan.passed_over) or " It holds no file."
        raise DefinitionError(f"nothing to ingest in {shown(path)}.{why}")
    history = history or nothing_published(installation) or lives_in_the_past(installation)
    outcomes = []
    limits, ids = installation.settings.file_limits, pseudonyms(installation.settings)
    for place, file in enumerate(scan.files, 1):
        say(f"[{place}/{len(scan.files)}] {shown(file.path.name)}")
        delivery = Delivery(file.table, file.path, file.below, ids)
        outcomes.append(attempt(installation.lake, delivery, installation.now(), limits, history=history))
    ingested = _ingested(outcomes, scan.passed_over)
    report(installation, ingested.lines)
    return ingested


def _ingested(outcomes: Iterable[DeliveryOutcome | Failed], passed_over: Iterable[PassedOver]) -> Ingested:
    outcomes = list(outcomes)
    taken = [outcome for outcome in outcomes if isinstance(outcome, DeliveryOutcome)]
    return Ingested(
        tuple(outcome.line for outcome in taken),
        tuple(outcome for outcome in outcomes if isinstance(outcome, Failed)),
        tuple(passed_over),
        tuple(sentence for outcome in taken for sentence in outcome.waiting_references),
        {outcome.line.batch: shown(outcome.file) for outcome in taken},
    )


def sentences(installation: Installation, ingested: Ingested) -> list[str]:
    """What people have to know: every batch that was not taken completely, every file that was not taken, and why."""
    lines = [
        line
        for entry in ingested.lines
        for line in batch_report.about(installation.lake, entry, ingested.names.get(entry.batch, ""))
    ]
    lines += ingested.waiting_references
    lines += [f"not taken: {each}" for each in ingested.passed_over]
    stale = stale_days(installation)
    lines += [f"{stale}"] if stale else []
    return lines + [f"FAILED: {each}" for each in ingested.failed]


def report(installation: Installation, lines: Sequence[Ledger]) -> None:
    """Write what was taken in outside of a run to Dagster's records, where this home has any."""
    if not runless.has_records(installation):
        return
    import dagster as dg

    facts = [(line, {n: value for n, value in line.facts().items() if value is not None}) for line in lines]
    taken = (
        dg.AssetMaterialization(key(installation.system.name, line.table), partition=f"{day}", metadata=known)
        for line, known in facts
        for day in line.days
    )
    runless.record(installation, taken)


def table_named(installation: Installation, name: str) -> Table:
    """The table of that name; raises DefinitionError with the nearest one for any other name."""
    if name not in installation.tables:
        raise DefinitionError(f"table {unknown(name, installation.tables)}")
    return installation.tables[name]
