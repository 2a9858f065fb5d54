"""A judged batch: its rows sorted, and among repeated rows those with other content marked."""

from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
import numpy as np

from infra.arrays import Bools
from infra.giving_back import give_back
from validation.batches import corrections
from validation.batches.accepted import AcceptedRows
from validation.batches.checks import Check
from validation.batches.chosen import Chosen
from validation.batches.corrections import ASKED, DIFFERS
from validation.batches.triage import sort_out
from validation.contract import Table
from validation.files import Delivered, Flaws

NOT_ASKED = {"max_duplicate"}  # of handed-over files: a client without an answer sends its events again


@dataclass(frozen=True, slots=True)
class JudgedBatch:
    """Rows to accept, the number of duplicates, what is wrong with each broken row, and every check.

    `differs` is the number of rows that came again with other content, `examples` describes the first of them.
    """

    accepted: Chosen
    duplicate: int
    broken: Flaws
    checks: tuple[Check, ...]
    differs: int = 0
    examples: tuple[str, ...] = ()

    @property
    def refused_by(self) -> tuple[Check, ...]:
        """The limits of the table that the batch breaks; one is enough to refuse all of it."""
        return tuple(check for check in self.checks if check.level == "batch" and not check.passed)


def judge_batch(
    table: Table, delivered: Delivered, received_at: datetime, accepted_before: AcceptedRows, handed_over: bool
) -> JudgedBatch:
    """Check a batch; where it was `handed_over`, limits only warn."""
    sorted_rows = sort_out(table, delivered, received_at, accepted_before.are_accepted)
    checks = _warned(sorted_rows.checks) if handed_over else sorted_rows.checks
    batch = JudgedBatch(sorted_rows.accepted, sorted_rows.duplicate, sorted_rows.broken, checks)
    if batch.refused_by or not batch.duplicate:
        return batch
    return _corrected(batch, Chosen(delivered.rows, sorted_rows.sound), sorted_rows.again, accepted_before)


def _corrected(batch: JudgedBatch, sound: Chosen, again: Bools, accepted_before: AcceptedRows) -> JudgedBatch:
    give_back()  # memory of the look-up in the lake
    differs = corrections.differing(sound, again, accepted_before)
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
