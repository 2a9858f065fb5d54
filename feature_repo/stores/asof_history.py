"""The rows of a view that a point-in-time join needs: before the first question, each entity's newest row is enough.

A view grows with every day that is published; the rows needed grow with the entities and the days asked about.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from feature_repo.stores.asof_join import ages, codes_of, micros, newest
from feature_repo.stores.view_rows import CREATED, TIME, ViewRows

AT_ONCE = 100_000  # rows that are put together before they are reduced


def needed(parts: Iterable[pa.Table], rows: ViewRows, first: int, by_created: bool) -> pa.Table:
    """The rows that can answer a question asked at `first` (microseconds since the epoch) or later.

    Of the rows known by then only the newest of each entity can: a newer one was known at every later moment, too.
    """
    early: list[pa.Table] = []
    late: list[pa.Table] = []
    for part in parts:
        is_early = known_at(part, by_created) <= first
        early.append(part.filter(pa.array(is_early)))
        late.append(part.filter(pa.array(~is_early)))
        if sum(map(len, early[1:])) > AT_ONCE:
            early = [_newest(pa.concat_tables(early), rows)]
    return pa.concat_tables([_newest(pa.concat_tables(early), rows), *late])


def known_at(rows: pa.Table, by_created: bool) -> NDArray[np.int64]:
    """(rows,) from when each row may answer: its event time, or with `by_created` its creation if that is later."""
    times = micros(rows[TIME])
    known_times: NDArray[np.int64] = np.maximum(times, micros(rows[CREATED], times)) if by_created else times
    return known_times


def by_age(rows: pa.Table, view: ViewRows) -> NDArray[np.int64]:
    """(rows,) place of each row by age. Equal times are ordered by features: the order of files has no effect."""
    sortable = [name for name in view.features if not pa.types.is_nested(rows.schema.field(name).type)]
    return ages(rows, [TIME, CREATED, *sortable])


def _newest(rows: pa.Table, view: ViewRows) -> pa.Table:
    (codes,) = codes_of(rows, keys=list(view.keys))
    return rows.take(newest(codes, by_age(rows, view)))
