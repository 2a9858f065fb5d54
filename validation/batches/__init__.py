"""Batches: each row judged, accepted or quarantined, and counted in the ledger."""

from validation.batches.batch_status import status_of_days
from validation.batches.change import changing
from validation.batches.erasure import ErasedRows, erase_people
from validation.batches.intake import REFUSED, discard, ingest, replay
from validation.batches.ledger import HEAD, LEDGER, BatchRefused, Ledger, balance, ledger_md, read_ledger, remove_day
from validation.batches.people import (
    Footprint,
    erased_people,
    footprint,
    without_people,
)
from validation.batches.quarantine import (
    DISCARDED,
    Mended,
    mend_with_pseudonyms,
    mended_by,
    mending_lines,
    quarantine_folder,
    read_quarantine,
    waiting_rows,
)
from validation.batches.triage import sort_out

__all__ = [
    "DISCARDED",
    "HEAD",
    "LEDGER",
    "REFUSED",
    "BatchRefused",
    "ErasedRows",
    "Footprint",
    "Ledger",
    "Mended",
    "balance",
    "changing",
    "discard",
    "erase_people",
    "erased_people",
    "footprint",
    "ingest",
    "ledger_md",
    "mend_with_pseudonyms",
    "mended_by",
    "mending_lines",
    "quarantine_folder",
    "read_ledger",
    "read_quarantine",
    "remove_day",
    "replay",
    "sort_out",
    "status_of_days",
    "waiting_rows",
    "without_people",
]
