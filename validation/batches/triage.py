"""Triage: delivered rows are accepted, repeated or broken. Pure: a function says what was accepted before."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from infra.arrays import Bools, Int64s
from infra.giving_back import give_back
from validation.batches.checks import Check
from validation.batches.chosen import Chosen, those
from validation.batches.expectations import of_batch, validate, validate_batch
from validation.batches.first_receipt import in_order_of_receipt
from validation.batches.receipt import not_before, stamped
from validation.contract import Table
from validation.files import ABOUT_DERIVED, DERIVED, SHAPE, Delivered, Flaws

AreAccepted = Callable[[pa.Table], Bools]
"""Rows with the columns of a table's identity → (rows,) whether each was accepted before."""


AT_ONCE = 25_000  # rows that are Python objects at one time: a million of them take a gigabyte


@dataclass(frozen=True, slots=True)
class Sorted:
    """Rows to accept, the number of duplicates, what is wrong with each broken row, and every check.

    sound  (rows,) whether each row breaks no rule
    again  (rows,) whether each is sound and came before, here or in the lake
    in_lake  (rows,) whether each is in the lake and is the one of its identity in the batch that counts
    """

    accepted: Chosen
    duplicate: int
    broken: Flaws
    sound: Bools
    again: Bools
    in_lake: Bools
    checks: tuple[Check, ...]

    @property
    def refused_by(self) -> tuple[Check, ...]:
        """The limits of the table that the batch breaks; one is enough to refuse all of it."""
        return tuple(check for check in self.checks if check.level == "batch" and not check.passed)


def sort_out(
    table: Table,
    delivered: Delivered,
    received_at: datetime,
    are_accepted: AreAccepted,
    earliest: datetime | None = None,
) -> Sorted:
    """Sort the rows of a batch that arrives at `received_at`.

    Of rows with one identity that break no rule the one received first counts; others repeat it. No row counts as
    received before `earliest`; without it, what rows say of their receipt is believed.
    """
    rows = stamped(table, delivered.rows, received_at)
    readable, broken = np.ones(len(delivered), dtype=bool), delivered.faults.copy()
    readable[broken.rows()] = False
    checks = _checked(table, rows, readable, received_at, broken)
    good = readable.copy()
    good[broken.rows()] = False
    identity, places = those(rows.select(table.identity), good), np.flatnonzero(good)
    claimed = rows
    if earliest is not None:
        rows, tolerance = not_before(table, rows, good, earliest)
        checks.append(tolerance)
    repeats = repeated(identity, lambda alike: in_order_of_receipt(table, rows, places[alike]))
    accepted_before = are_accepted(identity)
    limits = _limits(table, claimed, readable, good, int(repeats.sum()))  # old events that come late are no wrong clock
    accepts, in_lake = np.zeros((2, len(delivered)), dtype=bool)
    accepts[places[~repeats & ~accepted_before]] = True
    in_lake[places[~repeats & accepted_before]] = True
    accepted = Chosen(rows, accepts, table.schema)
    again = good & ~accepts
    checks += [*_shape(table, delivered), *limits]
    return Sorted(accepted, int(again.sum()), broken, good, again, in_lake, tuple(checks))


def repeated(identity: pa.Table, ranks: Callable[[Int64s], Int64s]) -> Bools:
    """Whether each row is the same as one that counts before it. Rows are compared only where their hashes are alike.

    ranks  numbers of rows → which of them counts before which
    """
    repeats = np.zeros(identity.num_rows, dtype=bool)
    hashes = np.concatenate([np.zeros(0, dtype=np.uint64), *map(_hashes, identity.to_batches(AT_ONCE))])
    ordered = np.sort(hashes)
    several = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if len(several):
        alike = np.isin(hashes, several)
        places: NDArray[np.int64] = np.flatnonzero(alike)
        order = ranks(places)
        ranked = identity.filter(alike).append_column("rank", pa.array(order))
        first = ranked.group_by(identity.column_names).aggregate([("rank", "min")])["rank_min"]
        repeats[places] = ~np.isin(order, first.to_numpy())
    return repeats


def _hashes(rows: pa.RecordBatch) -> NDArray[np.uint64]:
    hashes = pd.util.hash_pandas_object(rows.to_pandas(), index=False, categorize=False)
    return np.asarray(hashes, dtype=np.uint64)


def _checked(table: Table, rows: pa.Table, readable: Bools, received_at: datetime, broken: Flaws) -> list[Check]:
    """The check of every row rule on the readable rows; the rows that break one are added to `broken`."""
    checks_by_rule: dict[str, Check] = {}
    for start in range(0, len(readable), AT_ONCE):
        readable_here = readable[start : start + AT_ONCE]
        places = np.flatnonzero(readable_here) + start
        checked = validate(table, those(rows.slice(start, AT_ONCE), readable_here), received_at)
        for row, faults in checked.broken.items():
            for rule, reason in faults:
                broken.add(int(places[row]), rule, reason)
        for check in checked.checks:
            checks_by_rule[check.rule] = _together(checks_by_rule.get(check.rule), check)
    if len(readable) > AT_ONCE:
        give_back()  # 60 MiB that the suites have used
    return list(checks_by_rule.values())


def _together(before: Check | None, check: Check) -> Check:
    """One check for all parts up to now, from that of the earlier parts and that of the next."""
    if before is None:
        return check
    measured = before.measured if not before.passed else check.measured
    return Check(check.rule, check.level, check.asked, before.passed and check.passed, before.broken + check.broken,
                 measured)  # fmt: skip


def _shape(table: Table, delivered: Delivered) -> list[Check]:
    """A check for each rule of shape: how many rows break it, and the first reason."""
    broken, example = delivered.faults.counts(), delivered.faults.first_reasons()
    rules = SHAPE | ({DERIVED: ABOUT_DERIVED} if any(column.derived for column in table.columns) else {})
    return [Check(rule, "row", asked, rule not in broken, broken.get(rule, 0), example.get(rule, ""))
            for rule, asked in rules.items()]  # fmt: skip


def _newest(column: pa.ChunkedArray) -> datetime | None:
    newest: datetime | None = pc.max(column).as_py()
    return newest


def _limits(table: Table, rows: pa.Table, readable: Bools, good: Bools, repeats: int) -> tuple[Check, ...]:
    """The checks of the table's limits on the whole batch. A value that could not be read does not count as null."""
    times = those(rows.select([table.event_time, table.received_time]), good)
    happened, received = _newest(times[table.event_time]), _newest(times[table.received_time])
    nulls = {
        column.name: int((readable & rows[column.name].is_null().to_numpy()).sum())
        for column in table.columns
        if column.nullable
    }
    line = of_batch(len(good), int((~good).sum()), repeats, nulls, (table.event_time, happened))
    return validate_batch(table, line, received)
