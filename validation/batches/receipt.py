"""When a row counts as received: when it says, but never long before the delivery that brought it."""

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from infra.arrays import Bools
from validation.batches.checks import Check
from validation.contract import Table
from validation.definition import CLOCK_ERROR, RECEIPT_TOLERANCE

TOO_EARLY = "receipt_tolerance"
THEN = "if they are records of the past, take them with `flywheel ingest PATH --history`"


def stamped(table: Table, rows: pa.Table, arrival: datetime) -> pa.Table:
    """Rows that do not say when they were received were received at arrival; what is a little ahead, as it happened."""
    place = rows.column_names.index(table.received_time)
    claimed, happened = rows.column(place), rows[table.event_time]
    now, latest = (pa.scalar(moment, claimed.type) for moment in (arrival, arrival + CLOCK_ERROR))
    ahead = pc.and_(pc.greater(happened, now), pc.less_equal(happened, latest))
    stamp = pc.if_else(pc.fill_null(ahead, False), happened, now)
    return rows.set_column(place, table.received_time, pc.coalesce(claimed, stamp))


def not_before(table: Table, rows: pa.Table, sound: Bools, earliest: datetime) -> tuple[pa.Table, Check]:
    """The rows, none received before `earliest`; and a warning about the sound ones that say so.

    To be asked after the row rules: a receipt before its event stays the sign of a wrong clock.
    """
    place = rows.column_names.index(table.received_time)
    claimed = rows.column(place)
    bound = pa.scalar(earliest, claimed.type)
    early = pc.fill_null(pc.less(claimed, bound), False)
    count = int((sound & early.to_numpy()).sum())
    days = RECEIPT_TOLERANCE.days
    asked = f"`{table.received_time}` is not before {earliest:%Y-%m-%d %H:%M}, {days} days before arrival"
    measured = f"{count:,} rows say so, and count as received at that moment; {THEN}" if count else ""
    check = Check(TOO_EARLY, "warning", asked, not count, count, measured)
    return rows.set_column(place, table.received_time, pc.if_else(early, bound, claimed)) if count else rows, check
