"""Delivered rows told apart: to accept, repeated, broken. Pure: what was accepted before, a function tells."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from validation.checks import Check
from validation.contract import Table
from validation.delivered import SHAPE, Delivered
from validation.doors import CLOCK_ERROR
from validation.expectations import QUARANTINED, REPEATED, shape_column, validate, validate_batch

Bools = NDArray[np.bool_]
Known = Callable[[pa.Table], Bools]
"""Rows with the columns of a table's identity → (rows,) whether each was accepted before."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """Rows to accept, the number of duplicates, the (rule, reason) pairs of each broken row, and every check."""

    accepted: pa.Table
    duplicate: int
    broken: Mapping[int, tuple[tuple[str, str], ...]]
    checks: tuple[Check, ...]

    @property
    def refused_by(self) -> tuple[Check, ...]:
        """The limits of the table that the batch breaks; one is enough to refuse all of it."""
        return tuple(check for check in self.checks if check.level == "batch" and not check.passed)


def sort_out(table: Table, delivered: Delivered, received_at: datetime, known: Known) -> Sorted:
    """Tell a batch's rows apart. Of rows with one identity the first that breaks no rule counts, others repeat it."""
    rows = _stamped(table, delivered.rows, received_at)
    shapely = np.array([i for i in range(len(delivered)) if i not in delivered.faults], dtype=np.int64)
    checked = validate(table, rows.take(shapely), received_at)
    broken = {row: tuple((f.rule, f.reason) for f in faults) for row, faults in delivered.faults.items()}
    broken |= {int(shapely[row]): reasons for row, reasons in checked.broken.items()}
    good = np.ones(len(delivered), dtype=bool)
    good[list(broken)] = False
    sound = rows.filter(good)
    repeats = _repeats(table, sound)
    fresh = ~repeats & ~known(sound.select(table.identity))
    limits = validate_batch(table, _lines(table, delivered, rows, good, repeats), _newest(table, sound))
    accepted = sound.filter(fresh).cast(table.schema)
    return Sorted(accepted, int(len(fresh) - fresh.sum()), dict(sorted(broken.items())), checked.checks + limits)


def _stamped(table: Table, rows: pa.Table, received_at: datetime) -> pa.Table:
    """Rows that do not say when they were received were received now; what is a little ahead of us, as it happened."""
    place = rows.column_names.index(table.received_time)
    given, happened = rows.column(place), rows[table.event_time]
    now, latest = (pa.scalar(moment, given.type) for moment in (received_at, received_at + CLOCK_ERROR))
    ahead = pc.and_(pc.greater(happened, now), pc.less_equal(happened, latest))
    stamp = pc.if_else(pc.fill_null(ahead, False), happened, now)
    return rows.set_column(place, table.received_time, pc.coalesce(given, stamp))


def _repeats(table: Table, rows: pa.Table) -> Bools:
    """Whether each row has the identity of one before it."""
    if rows.num_rows == 0:
        return np.zeros(0, dtype=bool)
    numbered = rows.select(table.identity).append_column("row number", pa.array(np.arange(rows.num_rows)))
    first = numbered.group_by(list(table.identity)).aggregate([("row number", "min")])["row number_min"]
    repeats = np.ones(rows.num_rows, dtype=bool)
    repeats[first.to_numpy()] = False
    return repeats


def _newest(table: Table, sound: pa.Table) -> datetime | None:
    newest: datetime | None = pc.max(sound[table.received_time]).as_py() if sound.num_rows else None
    return newest


def _lines(table: Table, delivered: Delivered, rows: pa.Table, good: Bools, repeats: Bools) -> pd.DataFrame:
    """One line a delivered row, for the limits: what became of it, what of it is null, when it happened."""
    repeated, misread = np.zeros(len(good), dtype=bool), np.zeros(len(good), dtype=bool)
    misread[list(delivered.faults)] = True  # what could not be read is not known to be null
    repeated[np.flatnonzero(good)] = repeats
    lines: dict[str, Any] = {rule: [None] * len(good) for rule in map(shape_column, SHAPE)}
    for row, faults in delivered.faults.items():
        for fault in faults:
            lines[shape_column(fault.rule)][row] = fault.reason
    lines = {name: pd.Series(cells, dtype=object) for name, cells in lines.items()}
    lines |= {QUARANTINED: np.where(good, np.nan, 1.0), REPEATED: np.where(repeated, 1.0, np.nan)}
    for column in table.columns:
        if column.nullable:
            lines[column.name] = np.where(misread | rows[column.name].is_valid().to_numpy(), 1.0, np.nan)
    lines[table.event_time] = rows[table.event_time].to_pandas().where(good)
    return pd.DataFrame(lines)
