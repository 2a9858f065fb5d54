"""The landing contract: files of rows, found in a stable order, taken in, and moved aside when they are ours.

`<root>/<table>/*.jsonl|*.parquet` or `<root>/<table>….jsonl|parquet`. A file still being written ends in `.open`.
A folder that ends in `.bundle` holds what a service handed over in many small files, and is one delivery.
"""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from orchestration.sources import bundles
from validation.contract import Table, unknown
from validation.delivered import BUNDLE, NO_LIMITS, READERS, Delivered, delivered_from_jsonl
from validation.errors import BatchRefused, DefinitionError
from validation.intake import ingest
from validation.lake import Lake
from validation.ledger import Ledger
from validation.settings import FileLimits

DONE = "done"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One landed file, or bundle, of one table. The same content has the same batch id under whatever name it lands."""

    table: Table
    path: Path

    def read(self, limits: FileLimits = NO_LIMITS) -> tuple[str, Delivered]:
        """The batch id and the rows. A file stays open: its refused rows are read again."""
        if self.path.suffix == BUNDLE:
            delivered = delivered_from_jsonl(self.table, bundles.content(self.path), limits)
        else:
            delivered = READERS[self.path.suffix](self.table, self.path.open("rb"), limits)
        return delivered.digest[:16], delivered


def files(root: Path, table: Table) -> list[Path]:
    """The finished files of a table below a landing folder, and what is left of bundles, ordered by name."""
    inside = [*(root / table.name).glob("*")] + [path for path in root.glob(f"{table.name}*") if _begins(path, table)]
    found = [path for path in inside if (path.suffix in READERS and path.is_file()) or path.suffix == BUNDLE]
    return sorted(found, key=lambda path: path.name)


def deliveries(path: Path, tables: Sequence[Table], only: Table | None = None) -> list[Delivery]:
    """What lies at a path, a file or a folder; tables in their own order, so that what others refer to comes first.

    `only` says which table it is where the names do not. Raises DefinitionError for a path without anything to take.
    """
    if path.is_file():
        return [Delivery(only or _told_by_name(path, tables), path)]
    only = only or next((table for table in tables if path.name == table.name), None)
    if only is not None:
        plain = [found for found in path.glob("*") if found.suffix in READERS]
        return [Delivery(only, found) for found in sorted({*plain, *files(path, only)})]
    found = [Delivery(table, each) for table in tables for each in files(path, table)]
    if not found:
        names = ", ".join(table.name for table in tables)
        raise DefinitionError(
            f"nothing to ingest in {path}: no *.jsonl or *.parquet in a folder, or of a name, of a table ({names})."
        )
    return found


def take_in(
    lake: Lake, waiting: Iterable[Delivery], received_at: datetime, limits: FileLimits = NO_LIMITS
) -> list[Ledger]:
    """Ingest deliveries in order; the lines of their batches, refused ones among them."""
    lines = []
    for delivery in waiting:
        batch, delivered = delivery.read(limits)
        try:
            lines.append(ingest(lake, delivery.table, delivered, received_at, batch))
        except BatchRefused as refused:
            lines.append(refused.ledger)
    return lines


def set_aside(landing: Path, delivery: Delivery) -> Path:
    """Move an ingested file of the service's own landing to `done`; files that people named stay where they are."""
    target = landing / DONE / delivery.table.name / delivery.path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(delivery.path, target)
    return target


def _told_by_name(path: Path, tables: Sequence[Table]) -> Table:
    """The table that a file's name or folder names."""
    if path.suffix not in READERS:
        raise DefinitionError(f"{path.name}: only {' and '.join(READERS)} files can be ingested.")
    for table in sorted(
        tables, key=lambda table: -len(table.name)
    ):  # the longest name first: `users_old` is not `users`
        if path.parent.name == table.name or _begins(path, table):
            return table
    told = unknown(path.stem.split("-")[0], [table.name for table in tables])
    raise DefinitionError(f"{path.name}: its name or folder has to name a table, or say `--table`. {told}")


def _begins(path: Path, table: Table) -> bool:
    """Whether a name is that of the table, alone or followed by something that no table's name has."""
    return re.match(rf"{re.escape(table.name)}(?![A-Za-z0-9_])", path.name) is not None
