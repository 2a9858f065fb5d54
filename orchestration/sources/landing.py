"""The landing contract: files of rows, found in a stable order, taken in, and moved aside when they are ours.

`<root>/<table>/…/<file>` or `<root>/<table>….<end>`: folder_scan.py says what lies where, formats.py how it is
read. A folder that ends in `.bundle` holds what a service handed over in many small files, and is one delivery.
"""

import errno
import os
import traceback
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from infra.errors import DefinitionError, FlywheelError, NotTaken, Unavailable
from infra.failpoint import reached
from infra.lake import Lake
from infra.pseudonyms import Pseudonyms
from infra.settings import FileLimits
from orchestration.references import waiting_references
from orchestration.sources import bundles
from validation.batches import BatchRefused, Ledger, ingest
from validation.contract import Table
from validation.files import (
    BUNDLE,
    CHANGED,
    DONE,
    FAILED,
    NO_LIMITS,
    Delivered,
    delivered_from_file,
    delivered_from_jsonl,
    opened,
    remove_people,
    scan_folder,
    shown,
    with_pseudonyms,
)

OURS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EIO})
"""Errors of the machine, not of a delivery: the next one would fail in the same way."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One landed file, or bundle, of one table. The same content has the same batch id under whatever name it lands.

    `below` is its path below the table's folder; its name where that is all that is known. `ids` are the home's
    pseudonyms, where it keeps them in place of ids of persons.
    """

    table: Table
    path: Path
    below: str = ""
    ids: Pseudonyms | None = None

    def read(self, limits: FileLimits = NO_LIMITS) -> tuple[str, Delivered]:
        """The batch id and the rows. Raises NotTaken for what is no file that can be read, or changes meanwhile."""
        if self.path.suffix == BUNDLE:
            delivered = delivered_from_jsonl(self.table, bundles.content(self.path, limits.file_bytes), limits)
        else:  # it stays open: its refused rows are read again
            source = opened(self.path)
            before = _written(source)
            delivered = delivered_from_file(self.table, self.path.name, source, limits)
            if _written(source) != before:
                raise NotTaken(CHANGED)
        return delivered.digest[:16], with_pseudonyms(self.table, delivered, self.ids)


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """A delivery that was taken in or refused: its line, and sentences about columns that refer to quarantined rows."""

    file: str
    line: Ledger
    waiting_references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A delivery that could not be taken, for a reason that is not in its rows, and where it is now."""

    table: str
    path: Path
    error: str
    trace: str = ""

    def __str__(self) -> str:
        return f"{shown(self.path)}: {self.error}"


def files(root: Path, table: Table) -> list[Path]:
    """The finished files of a table in a landing folder, and what is left of bundles, in order."""
    root = Path(os.path.abspath(root))
    places = (root / table.name, root)
    paths = [file.path for file in scan_folder(root, [table]).of(table)]
    return [path for path in paths if places[0] in path.parents or path.parent == places[1]]


def deliveries(path: Path, tables: Sequence[Table], only: Table | None = None) -> list[Delivery]:
    """What lies at a path, a file or a folder; tables in their own order, so that what others refer to comes first.

    `only` says which table it is where the names do not. Raises DefinitionError for a path without anything to take.
    """
    scan = scan_folder(path, tables, only)
    if not scan.files:
        why = "".join(f"\n  {each}" for each in scan.passed_over[:10]) or " It holds no file."
        raise DefinitionError(f"nothing to ingest in {shown(path)}.{why}")
    return [Delivery(file.table, file.path, file.below) for file in scan.files]


def take_in(
    lake: Lake,
    waiting: Iterable[Delivery],
    received_at: datetime,
    limits: FileLimits = NO_LIMITS,
    *,
    history: bool = False,
) -> list[Ledger]:
    """Ingest deliveries in order; the lines of their batches, refused ones among them."""
    return [_taken(lake, delivery, received_at, limits, history).line for delivery in waiting]


def attempt(
    lake: Lake,
    delivery: Delivery,
    received_at: datetime,
    limits: FileLimits = NO_LIMITS,
    *,
    history: bool = False,
) -> DeliveryOutcome | Failed:
    """Ingest one delivery: its outcome, or its error as a value, so that the deliveries after it can be taken.

    It arrives at `received_at`; of `history` what rows say of their receipt is believed. Raises errors of the
    machine, such as a full disk.
    """
    try:
        return _taken(lake, delivery, received_at, limits, history)
    except Unavailable:
        raise
    except FlywheelError as refusal:
        return Failed(delivery.table.name, delivery.path, str(refusal))
    except Exception as error:
        if getattr(error, "errno", None) in OURS:
            raise
        error_text = f"{type(error).__name__}: {error}"
        return Failed(delivery.table.name, delivery.path, error_text, traceback.format_exc())


def without_people(delivery: Delivery, people: Container[str]) -> None:
    """Remove the rows about people from a delivery that was taken in, before it is kept.

    A run that is killed afterwards finds the rest again, all of whose rows are duplicates by then.
    """
    for path in sorted(delivery.path.iterdir()) if delivery.path.suffix == BUNDLE else [delivery.path]:
        remove_people(delivery.table, path, people)


def set_aside(landing: Path, delivery: Delivery, folder: str = DONE) -> Path:
    """Move an ingested file of the service's own landing to `done`; files that people named stay where they are.

    In a home with pseudonyms it is removed instead: it names persons.
    """
    if delivery.ids is not None and folder == DONE:
        _remove(delivery.path)
        reached("landing.set_aside")
        return delivery.path
    target = _free(landing / folder / delivery.table.name / (delivery.below or delivery.path.name))
    if not os.path.lexists(delivery.path):  # all its rows were about people who are erased
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(delivery.path, target)
    reached("landing.set_aside")
    return target


def _remove(path: Path) -> None:
    for file in sorted(path.iterdir()) if path.is_dir() else ():
        file.unlink()
    path.rmdir() if path.is_dir() else path.unlink()


def set_aside_failed(landing: Path, delivery: Delivery, failed: Failed) -> Failed:
    """Move a delivery that could not be taken to `failed`, with its error in a file beside it."""
    try:
        target = set_aside(landing, delivery, FAILED)
    except OSError as error:
        moved = f"it could not be moved to `failed` ({error.strerror})"
        return Failed(failed.table, failed.path, f"{failed.error}; {moved}", failed.trace)
    text = f"{failed.error}\n\nOnce that is mended: flywheel ingest {target} --table {failed.table}\n\n{failed.trace}"
    target.with_name(f"{target.name}.error.txt").write_text(text, errors="backslashreplace")
    return Failed(failed.table, target, failed.error, failed.trace)


def _taken(lake: Lake, delivery: Delivery, received_at: datetime, limits: FileLimits, history: bool) -> DeliveryOutcome:
    batch, delivered = delivery.read(limits)
    try:
        handed_over = bundles.handed_over(delivery.path)
        line = ingest(lake, delivery.table, delivered, received_at, batch, handed_over=handed_over, history=history)
    except BatchRefused as refused:
        return DeliveryOutcome(delivery.path.name, refused.ledger)
    return DeliveryOutcome(delivery.path.name, line, tuple(waiting_references(lake, delivery.table, delivered, line)))


def _written(source: BinaryIO) -> tuple[int, int]:
    facts = os.fstat(source.fileno())
    return facts.st_size, facts.st_mtime_ns


def _free(target: Path) -> Path:
    """A path like this one where nothing lies yet: a name that landed before may land again with other content."""
    number, free = 1, target
    while os.path.lexists(free):
        number += 1
        free = target.with_name(f"{number}~{target.name}")
    return free
