"""A new base for the stream: a complete snapshot of the nightly fold replaces what the stream counted before."""

from collections.abc import Iterator
from datetime import date, datetime

import pyarrow as pa

from feature_repo.definition import WAIT_DAYS, CounterView, FeatureSet
from feature_repo.folding import COMPLETE, Snapshots
from feature_repo.stream.micro_batch import stored_rows
from feature_repo.stream.stream_state import StreamState, day_number
from infra.lake import Lake


class _GoneError(Exception):
    """The snapshot was removed while it was read."""


def rebase(state: StreamState, lake: Lake, features: FeatureSet, now: datetime) -> date | None:
    """Start from the newest snapshot that was made of all files of its days; its day, None when the base stays.

    What the stream counted on these days is deleted in the same transaction. A snapshot is not used while a landed file
    with rows of its days still waits for ingestion: the stream has counted these rows and the snapshot has not.
    """
    snapshots = Snapshots(lake, features)
    first = state.first_day()
    for day in sorted(lake.days(COMPLETE), reverse=True):
        number = day_number(day)
        if number <= (state.base if state.base is not None else -1):
            return None
        if day < now.date() and (first is None or first > number) and snapshots.files_of(day) is not None:
            return day if _adopted(state, snapshots, day) else None
    return None


def _adopted(state: StreamState, snapshots: Snapshots, day: date) -> bool:
    read, number = snapshots.files_of(day), day_number(day)
    try:
        with state.transaction():
            state.drop_states(number)
            for view in snapshots.features.counter_views:
                for rows in _standing(snapshots.lake, view, day):
                    state.put_states(view.name, stored_rows(view, rows, number))
            if read is None or snapshots.files_of(day) != read:
                raise _GoneError
            state.note(base=number, base_parts="\n".join(sorted(read)))
            state.prune(number - WAIT_DAYS)
    except (_GoneError, OSError):  # its day is being published anew: there will be another
        return False
    return True


def _standing(lake: Lake, view: CounterView, day: date) -> Iterator[pa.Table]:
    rows = lake.read(f"snapshots/{view.name}", [day])
    yield from (pa.Table.from_batches([batch]) for batch in rows.to_batches(max_chunksize=50_000))
