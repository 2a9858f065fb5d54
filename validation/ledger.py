"""The ledger: one line a batch and table, in which received = accepted + duplicate + quarantined, exactly."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from validation.checks import Check, table_md
from validation.lake import Lake
from validation.verdict import markdown

LEDGER = "ledger"
FLAT = ("table", "batch", "kind", "received", "accepted", "duplicate", "quarantined", "refused", "digest")
HEAD = ("table", "batch", "received", "accepted", "duplicate", "quarantined", "outcome")


class Ledger(msgspec.Struct, frozen=True):
    """How one batch fared.

    kind     ingest: rows as delivered; replay: rows taken up again from quarantine
    reasons  rule → rows it quarantined
    unknown  column → share of accepted rows whose reference is not known yet
    days     the days of receipt that accepted rows went to
    """

    batch: str
    table: str
    kind: Literal["ingest", "replay"]
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

    def __post_init__(self) -> None:
        if self.received != self.accepted + self.duplicate + self.quarantined:
            raise AssertionError(f"the ledger of {self.table}, batch {self.batch}, does not balance: {self}")

    def row(self) -> tuple[str, ...]:
        """The cells of one line, as named by HEAD."""
        counts = (self.received, self.accepted, self.duplicate, self.quarantined)
        return (self.table, self.batch, *(f"{n:,}" for n in counts), "REFUSED" if self.refused else "taken")

    def facts(self) -> dict[str, int | float | str | bool]:
        """The line as flat metadata: counts, the rows each rule quarantined, shares of unknown references."""
        counts = {n: getattr(self, n) for n in ("received", "accepted", "duplicate", "quarantined", "refused")}
        unknown = {f"unknown {column}": share for column, share in self.unknown.items()}
        return {"batch": self.batch, **counts, **{f"quarantined by {r}": n for r, n in self.reasons.items()}, **unknown}

    def table_md(self) -> str:
        """What failed, as a Markdown table; a sentence when nothing did."""
        return table_md(self.checks, self.received)


def ledger_md(lines: Sequence[Ledger]) -> str:
    """Ledger lines as a Markdown table."""
    return markdown(HEAD, [line.row() for line in lines])


def write(lake: Lake, line: Ledger) -> None:
    """Add a line."""
    flat = {name: pa.array([getattr(line, name)]) for name in FLAT}
    flat["received_at"] = pa.array([line.received_at], pa.timestamp("us", tz="UTC"))
    rows = pa.table(flat | {"line": pa.array([msgspec.json.encode(line).decode()])})
    lake.append(LEDGER, line.received_at.date(), rows, part=f"{line.table}-{line.digest[:24]}-{uuid.uuid4().hex[:8]}")


def read(
    lake: Lake, table: str | None = None, days: Sequence[date] | None = None, digest: str | None = None
) -> list[Ledger]:
    """The lines, oldest first: of one table, of some days of arrival, of one delivery's digest; each None means all."""
    found = []
    for path in lake.parts(LEDGER, f"{table or '*'}-{digest[:24] if digest else '*'}-*"):
        if days is None or path.parent.name in {f"day={day.isoformat()}" for day in days}:
            lines = pq.read_table(path, columns=["line"], partitioning=None)["line"].to_pylist()
            found += [msgspec.json.decode(line, type=Ledger) for line in lines]
    return sorted(found, key=lambda line: (line.received_at, line.table, line.batch))


def balance(lake: Lake, table: str) -> dict[str, int]:
    """What the ledger says of a table against what the lake holds; `off` is 0 when nothing was lost or made up.

    Rows in quarantine are those delivered into it, less those that a replay took out.
    """
    lines = read(lake, table)
    told = sum(line.accepted for line in lines)
    waiting = sum(line.quarantined if line.kind == "ingest" else line.quarantined - line.received for line in lines)
    held, quarantined = (_rows(lake, f"{folder}/{table}") for folder in ("tables", "quarantine"))
    off = abs(told - held) + abs(waiting - quarantined)
    return {"accepted": told, "in tables": held, "waiting": waiting, "in quarantine": quarantined, "off": off}


def _rows(lake: Lake, name: str) -> int:
    return sum(pq.read_metadata(path).num_rows for path in lake.parts(name, "*"))
