"""Batches: each row judged, accepted or quarantined, and counted in the ledger."""

from validation.batches.batch_status import status_of_days
from validation.batches.erasure import ErasedRows, erase_people
from validation.batches.intake import REFUSED, discard, ingest, replay
from validation.batches.ledger import HEAD, BatchRefused, Ledger, balance, ledger_md, read_ledger
from validation.batches.people import (
    Footprint,
    erased_people,
    footprint,
    without_people,
)
from validation.batches.quarantine import (
    Mended,
    mended_by,
    mending_lines,
    quarantine_folder,
    read_quarantine,
    waiting_rows,
)
from validation.batches.triage import sort_out

__all__ = [
    "HEAD",
    "REFUSED",
    "BatchRefused",
    "ErasedRows",
    "Footprint",
    "Ledger",
    "Mended",
    "balance",
    "discard",
    "erase_people",
    "erased_people",
    "footprint",
    "ingest",
    "ledger_md",
    "mended_by",
    "mending_lines",
    "quarantine_folder",
    "read_ledger",
    "read_quarantine",
    "replay",
    "sort_out",
    "status_of_days",
    "waiting_rows",
    "without_people",
]
