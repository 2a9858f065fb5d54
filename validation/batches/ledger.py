"""The ledger: one line a batch and table, in which received = accepted + duplicate + quarantined + erased, exactly."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from infra.atomic import atomic_write
from infra.errors import FlywheelError
from infra.lake import Lake
from infra.removed_files import removed_files
from validation.batches.checks import Check, table_md
from validation.batches.intents import settled
from validation.verdict import markdown

LEDGER, REMOVED_DAYS = "ledger", "removed/ledger/days.json"
FLAT = ("table", "batch", "kind", "received", "accepted", "duplicate", "quarantined", "refused", "digest")
HEAD = ("table", "batch", "received", "accepted", "duplicate", "quarantined", "outcome")


class Ledger(msgspec.Struct, frozen=True):
    """The line of one batch.

    kind       ingest: rows as delivered; replay: rows of quarantine checked again; discard: rows removed from there;
               erase: rows of people removed from the table, and from quarantine
    reasons    rule → rows it quarantined
    unknown    column → share of accepted rows whose reference is not known yet
    days       the days of receipt that accepted rows went to
    differs    how many rows were delivered before with other content; `examples` describes the first of them
    span       first and last day on which the delivered rows say they were received
    discarded  how many rows a discard or an erasure removed from quarantine, `why` the reason that was given
    erased     rows about people who were erased: of a delivery those that were not taken, of an erasure those removed
    """

    batch: str
    table: str
    kind: Literal["ingest", "replay", "discard", "erase"]
    received: int
    accepted: int
    duplicate: int
    quarantined: int
    refused: bool
    received_at: datetime
    digest: str
    reasons: Mapping[str, int] = {}
    unknown: Mapping[str, float] = {}
    days: tuple[date, ...] = ()
    checks: tuple[Check, ...] = ()
    differs: int = 0
    examples: tuple[str, ...] = ()
    span: tuple[date, date] | None = None
    discarded: int = 0
    why: str = ""
    erased: int = 0

    def __post_init__(self) -> None:
        if self.received != self.accepted + self.duplicate + self.quarantined + self.erased:
            raise AssertionError(f"the ledger of {self.table}, batch {self.batch}, does not balance: {self}")

    def row(self) -> tuple[str, ...]:
        """The cells of one line, as named by HEAD."""
        received, accepted, duplicate, quarantined = map(
            "{:,}".format, (self.received, self.accepted, self.duplicate, self.quarantined)
        )
        duplicate += f", {self.differs:,} differ" if self.differs else ""
        return (self.table, self.batch, received, accepted, duplicate, quarantined, self.outcome)

    @property
    def outcome(self) -> str:
        """What happened to the batch, in a few words."""
        if self.kind == "erase":
            return f"{self.erased + self.discarded:,} erased"
        if self.discarded:
            return f"{self.discarded:,} discarded"
        taken = "REFUSED" if self.refused else "taken, with warnings" if self.warnings else "taken"
        return f"{taken}, {self.erased:,} erased" if self.erased else taken

    @property
    def warnings(self) -> tuple[Check, ...]:
        """The failed checks that quarantine and refuse nothing."""
        return tuple(check for check in self.checks if check.level == "warning" and not check.passed)

    def facts(self) -> dict[str, int | float | str | bool]:
        """The line as flat metadata: counts, the rows each rule quarantined, shares of unknown references."""
        names = ("received", "accepted", "duplicate", "differs", "quarantined", "erased", "refused")
        counts = {name: getattr(self, name) for name in names}
        unknown = {f"unknown {column}": share for column, share in self.unknown.items()}
        return {"batch": self.batch, **counts, **{f"quarantined by {r}": n for r, n in self.reasons.items()}, **unknown}

    def table_md(self) -> str:
        """The failed checks as a Markdown table; a sentence when none failed."""
        return table_md(self.checks, self.received)


class BatchRefused(FlywheelError):  # noqa: N818 (as all of infra/errors.py)
    """A delivered batch breaks a table rule; nothing downstream may run. `ledger` is its line, with what failed."""

    title, exit_status = "Refused", 1

    def __init__(self, message: str, ledger: Ledger) -> None:
        super().__init__(message)
        self.ledger = ledger

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return BatchRefused, (str(self), self.ledger)


def ledger_md(lines: Sequence[Ledger]) -> str:
    """Ledger lines as a Markdown table."""
    return markdown(HEAD, [line.row() for line in lines])


def part_of(line: Ledger, mark: str) -> str:
    """The file below the lake that holds a line; its mark makes the name unique."""
    return f"{LEDGER}/day={line.received_at.date()}/part-{_part(line, mark)}.parquet"


def write(lake: Lake, line: Ledger, mark: str) -> None:
    """Add a line: it commits the batch."""
    flat = {name: pa.array([getattr(line, name)]) for name in FLAT}
    flat["received_at"] = pa.array([line.received_at], pa.timestamp("us", tz="UTC"))
    rows = pa.table(flat | {"line": pa.array([msgspec.json.encode(line).decode()])})
    lake.append(LEDGER, line.received_at.date(), rows, _part(line, mark))


def read_ledger(
    lake: Lake,
    table: str | None = None,
    days: Sequence[date] | None = None,
    digest: str | None = None,
    since: date | None = None,
) -> list[Ledger]:
    """The lines, oldest first: of one table, of some days of arrival or since one, of one delivery's digest.

    Each None means all.
    """
    folders = None if days is None else {f"day={day.isoformat()}" for day in days}
    ledger = []
    for path in lake.parts(LEDGER, f"{table or '*'}-{digest[:24] if digest else '*'}-*"):
        if (folders is None or path.parent.name in folders) and path.parent.name >= f"day={since or ''}":
            lines = pq.read_table(path, columns=["line"], partitioning=None)["line"].to_pylist()
            ledger += [msgspec.json.decode(line, type=Ledger) for line in lines]
    return sorted(ledger, key=lambda line: (line.received_at, line.table, line.batch))


def balance(lake: Lake, table: str) -> dict[str, int]:
    """Row counts of a table by the ledger and by the lake's files; `off` is the difference, 0 when no row was lost.

    The rows that wait are those put into quarantine less those that a replay or a discard took out. What retention
    removed, rows and lines, is counted as it was.
    """
    settled(lake, table)
    accepted, waiting = _sums(read_ledger(lake, table))
    there = {day.isoformat() for day in lake.days(LEDGER)}
    for day, sums in _removed_days(lake).items():
        if day not in there and table in sums:
            accepted, waiting = accepted + sums[table][0], waiting + sums[table][1]
    in_tables, quarantined = (_rows(lake, f"{folder}/{table}") for folder in ("tables", "quarantine"))
    removed = _removed(lake, table)
    off = abs(accepted - removed - in_tables) + abs(waiting - quarantined)
    counts = {"accepted": accepted, "in tables": in_tables, "waiting": waiting, "in quarantine": quarantined}
    return counts | ({"removed": removed} if removed else {}) | {"off": off}


def remove_day(lake: Lake, day: date) -> None:
    """Remove the lines of a day; their sums are kept, so that the rest still balances."""
    lines = read_ledger(lake, days=[day])
    sums = {table: _sums([line for line in lines if line.table == table]) for table in {line.table for line in lines}}
    if lines:
        with atomic_write(lake.root / REMOVED_DAYS) as draft:
            draft.write_bytes(msgspec.json.encode(_removed_days(lake) | {day.isoformat(): sums}))
    lake.drop(LEDGER, day)


def _removed(lake: Lake, table: str) -> int:
    """How many rows retention removed: of files that are still there what they lack, of others as it was written down.

    So it is right also while a removal is half done.
    """
    there = {f"{path.parent.name}/{path.name}": path for path in lake.parts(f"tables/{table}", "*")}
    return sum(
        min(file.removed, file.had - pq.read_metadata(there[name]).num_rows) if name in there else file.removed
        for name, file in removed_files(lake, table).items()
    )


def _sums(lines: Sequence[Ledger]) -> tuple[int, int]:
    """The accepted rows of these lines, and by how much more rows wait after them."""
    erased = sum(line.erased for line in lines if line.kind == "erase")
    accepted = sum(line.accepted for line in lines) - erased
    taken_out = sum(line.received - line.quarantined + line.discarded for line in lines if line.kind != "ingest")
    taken_out -= erased  # what an erasure received and erased did not wait in quarantine
    return accepted, sum(line.quarantined for line in lines if line.kind == "ingest") - taken_out


def _removed_days(lake: Lake) -> dict[str, dict[str, tuple[int, int]]]:
    path = lake.root / REMOVED_DAYS
    return msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, tuple[int, int]]]) if path.exists() else {}


def _part(line: Ledger, mark: str) -> str:
    return f"{line.table}-{line.digest[:24]}-{mark[:8]}"


def _rows(lake: Lake, name: str) -> int:
    return sum(pq.read_metadata(path).num_rows for path in lake.parts(name, "*"))
