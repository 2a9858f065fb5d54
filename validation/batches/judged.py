"""A batch's rows judged: told apart, and those that come again told from those that say something else now."""

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

NOT_ASKED = {"max_duplicate"}  # of what was handed over: whoever gets no answer sends again


@dataclass(frozen=True, slots=True)
class JudgedBatch:
    """Rows to accept, the number of duplicates, what is wrong with each broken row, and every check.

    `differs` says how many rows came again with other content, `examples` what the first of them said.
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


def judged(
    table: Table, delivered: Delivered, received_at: datetime, past: AcceptedRows, handed_over: bool
) -> JudgedBatch:
    """Judge a batch; of what was `handed_over` every row by itself, with limits that only warn."""
    told = sort_out(table, delivered, received_at, past.known)
    checks = _warned(told.checks) if handed_over else told.checks
    found = JudgedBatch(told.accepted, told.duplicate, told.broken, checks)
    again = not found.refused_by and found.duplicate
    return _corrected(found, Chosen(delivered.rows, told.sound), told.again, past) if again else found


def _corrected(found: JudgedBatch, sound: Chosen, again: Bools, past: AcceptedRows) -> JudgedBatch:
    give_back()  # what looking for them in the lake has used
    differs = corrections.differing(sound, again, past)
    if not differs.any():
        return found
    n, said = int(differs.sum()), corrections.examples(sound, differs, past)
    found = replace(found, differs=n, examples=said, checks=(*found.checks, corrections.check(n, said)))
    if past.table.differing == "count":
        return found
    broken = found.broken.copy()
    for row in np.flatnonzero(differs).tolist():
        broken.add(row, DIFFERS, f"{ASKED}; this one says something else")
    return replace(found, duplicate=found.duplicate - n, broken=broken)


def _warned(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    asked = (check for check in checks if check.rule not in NOT_ASKED)
    return tuple(msgspec.structs.replace(c, level="warning") if c.level == "batch" else c for c in asked)
