"""Where the nightly fold and the stream meet: a whole snapshot becomes what the stream goes on from."""

from collections.abc import Iterator
from datetime import date, datetime

import pyarrow as pa

from feature_repo.definition import CounterView, FeatureSet
from feature_repo.folding import COMPLETE, WAIT_DAYS, Snapshots
from feature_repo.stream.micro_batch import stored_rows
from feature_repo.stream.stream_state import StreamState, day_number
from infra.lake import Lake


class _GoneError(Exception):
    """The snapshot was taken away while it was read."""


def rebase(state: StreamState, lake: Lake, features: FeatureSet, now: datetime) -> date | None:
    """Go on from the newest snapshot that holds all of its days; the day, None when the base stays as it is.

    What the stream counted on these days is forgotten in the same transaction. A snapshot is not taken while a landed
    file with rows of its days still waits for ingestion: the stream has counted it and the snapshot has not.
    """
    snapshots = Snapshots(lake, features)
    first = state.first_day()
    for day in sorted(lake.days(COMPLETE), reverse=True):
        number = day_number(day)
        if number <= (state.base if state.base is not None else -1):
            return None
        if day < now.date() and (first is None or first > number) and snapshots.whole(day) is not None:
            return day if _adopted(state, snapshots, day) else None
    return None


def _adopted(state: StreamState, snapshots: Snapshots, day: date) -> bool:
    read, number = snapshots.whole(day), day_number(day)
    try:
        with state.transaction():
            state.drop_states(number)
            for view in snapshots.features.counter_views:
                for rows in _standing(snapshots.lake, view, day):
                    state.put_states(view.name, stored_rows(view, rows, number))
            if read is None or snapshots.whole(day) != read:
                raise _GoneError
            state.note(base=number, base_parts="\n".join(sorted(read)))
            state.prune(number - WAIT_DAYS)
    except (_GoneError, OSError):  # its day is being published anew: there will be another
        return False
    return True


def _standing(lake: Lake, view: CounterView, day: date) -> Iterator[pa.Table]:
    rows = lake.read(f"snapshots/{view.name}", [day])
    yield from (pa.Table.from_batches([some]) for some in rows.to_batches(max_chunksize=50_000))
