"""A judged batch: its rows sorted, and among repeated rows those with other content marked."""

from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
import numpy as np

from infra.giving_back import give_back
from validation.batches import corrections
from validation.batches.accepted import AcceptedRows
from validation.batches.checks import Check
from validation.batches.chosen import Chosen
from validation.batches.corrections import ASKED, DIFFERS
from validation.batches.first_receipt import received_earlier
from validation.batches.triage import Sorted, sort_out
from validation.contract import Table
from validation.definition import RECEIPT_TOLERANCE
from validation.files import Delivered, Flaws

NOT_ASKED = {"max_duplicate"}  # of handed-over files: a client without an answer sends its events again


@dataclass(frozen=True, slots=True)
class JudgedBatch:
    """Rows to accept, the number of duplicates, what is wrong with each broken row, and every check.

    `differs` is the number of rows that came again with other content, `examples` describes the first of them;
    `earlier` are the duplicates that were received before the rows that the lake has accepted, which they replace.
    """

    accepted: Chosen
    duplicate: int
    broken: Flaws
    checks: tuple[Check, ...]
    differs: int = 0
    examples: tuple[str, ...] = ()
    earlier: Chosen | None = None

    @property
    def refused_by(self) -> tuple[Check, ...]:
        """The limits of the table that the batch breaks; one is enough to refuse all of it."""
        return tuple(check for check in self.checks if check.level == "batch" and not check.passed)


def judge_batch(
    table: Table,
    delivered: Delivered,
    received_at: datetime,
    accepted_before: AcceptedRows,
    handed_over: bool,
    history: bool = False,
) -> JudgedBatch:
    """Check a batch that arrives at `received_at`; where it was `handed_over`, limits only warn.

    Rows count as received at most RECEIPT_TOLERANCE before they arrive; `history` as they say.
    """
    earliest = None if history else received_at - RECEIPT_TOLERANCE
    sorted_rows = sort_out(table, delivered, received_at, accepted_before.are_accepted, earliest)
    checks = _warned(sorted_rows.checks) if handed_over else sorted_rows.checks
    batch = JudgedBatch(sorted_rows.accepted, sorted_rows.duplicate, sorted_rows.broken, checks)
    if batch.refused_by or not batch.duplicate:
        return batch
    return _corrected(batch, sorted_rows, delivered, accepted_before)


def _corrected(
    batch: JudgedBatch, sorted_rows: Sorted, delivered: Delivered, accepted_before: AcceptedRows
) -> JudgedBatch:
    give_back()  # memory of the look-up in the lake
    sound = Chosen(delivered.rows, sorted_rows.sound)
    differs = corrections.differing(sound, sorted_rows.again, accepted_before)
    in_lake = Chosen(sorted_rows.accepted.rows, sorted_rows.in_lake, accepted_before.table.schema)
    earlier = received_earlier(in_lake, differs, accepted_before)
    if earlier.any():
        batch = replace(batch, earlier=in_lake.only(earlier))
    if not differs.any():
        return batch
    n, sentences = int(differs.sum()), corrections.examples(sound, differs, accepted_before)
    batch = replace(batch, differs=n, examples=sentences, checks=(*batch.checks, corrections.check(n, sentences)))
    if accepted_before.table.differing == "count":
        return batch
    broken = batch.broken.copy()
    for row in np.flatnonzero(differs).tolist():
        broken.add(row, DIFFERS, f"{ASKED}; this one has other content")
    return replace(batch, duplicate=batch.duplicate - n, broken=broken)


def _warned(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    checks_asked = (check for check in checks if check.rule not in NOT_ASKED)
    return tuple(msgspec.structs.replace(c, level="warning") if c.level == "batch" else c for c in checks_asked)
