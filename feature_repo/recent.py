"""What happened in the last seconds before a case: one rule, for a service as it decides and for the log afterwards.

Of the rows with the same `by`, those count whose moment is at most `within` before the case's own, without the case
itself and those after it. Rows of one moment are in the order of their ids. Moments are whole microseconds and amounts
whole ten-thousandths, so that both ways give the same number to the last bit. A row counts since it was decided,
however late it was received: the service noted it in that moment.
"""

from collections.abc import Sequence

import numpy as np

from infra.arrays import Float64s, Int64s

SECOND = 1_000_000  # in microseconds
WHOLE = 10_000  # units of an amount of 1
MOST = 1e11  # of one amount that is added up: the sum of thousands is still a whole number of 64 bits


def units(amount: float | None) -> int:
    """An amount as it is added up: in ten-thousandths, 0 where there is none, `MOST` for a larger one."""
    return 0 if amount is None or not np.isfinite(amount) else round(min(max(amount, -MOST), MOST) * WHOLE)


def count_recent(earlier: Int64s, now: int, within_s: float, amounts: Sequence[int] | None = None) -> float:
    """How many of these earlier moments of one `by` are within the last seconds, or the sum of their amounts.

    A service calls it: `earlier` are the moments of the rows noted before, and `amounts` their `units`.
    """
    inside = (earlier >= now - round(within_s * SECOND)) & (earlier <= now)
    return float(inside.sum()) if amounts is None else int(np.asarray(amounts, dtype=np.int64)[inside].sum()) / WHOLE


def recent_of_each(by: Int64s, at: Int64s, place: Int64s, within_s: float, amounts: Int64s | None = None) -> Float64s:
    """For each row of a log what `count_recent` gave in its moment; NaN where `by` is below 0: it has none.

    by       (rows,) a number for each value of the column       at     (rows,) microseconds since the epoch
    place    (rows,) of the row's id in the order of ids         amounts  (rows,) `units`
    """
    order = np.lexsort((place, at, by))
    by, at = by[order], at[order]
    first = _first_inside(by, at, round(within_s * SECOND))
    if amounts is None:
        values = (np.arange(len(at)) - first).astype(np.float64)
    else:
        before = np.concatenate([[0], np.cumsum(amounts[order])])
        values = (before[:-1] - before[first]) / WHOLE
    result = np.empty(len(at))
    result[order] = np.where(by < 0, np.nan, values)
    return result


def _first_inside(by: Int64s, at: Int64s, within: int) -> Int64s:
    """For each row in order the number of the first one of its `by` that is in its window."""
    rows = len(at)
    starts = np.concatenate([at - within, at])  # where windows begin, then the rows; a row at the beginning is inside
    is_row = np.repeat([False, True], rows)
    merged = np.lexsort((is_row, starts, np.concatenate([by, by])))
    rows_before = np.empty(2 * rows, dtype=np.int64)
    rows_before[merged] = np.cumsum(is_row[merged])
    return rows_before[:rows]
