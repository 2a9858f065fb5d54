"""Records as they were online at past moments, read from what was published, without the as-of join of training."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from feature_repo.definition import FeatureSet
from feature_repo.records import Key, layouts, records_of
from infra.arrays import Int64s
from infra.lake import Lake

PUBLISHED, CREATED = "event_timestamp", "created"
MOMENT = pa.timestamp("us", tz="UTC")
NOBODY = -1


def records_as_of(
    lake: Lake, features: FeatureSet, view: str, keys: Sequence[Key], at: Int64s
) -> dict[tuple[Key, int], bytes | None]:
    """The record of each entity at each moment it is asked for: that of the newest row published by then.

    keys, at  the entities, and the moments in microseconds since the epoch, aligned
    """
    layout, asked = layouts(features)[view], list(zip(keys, at.tolist(), strict=True))
    counted = view in {counters.name for counters in features.counter_views}
    table = f"{'states' if counted else 'profiles'}/{view}"
    if not asked:
        return {}
    last = datetime.fromtimestamp(int(at.max()) / 1e6, UTC)
    where = ds.field(PUBLISHED) <= pa.scalar(last, MOMENT)
    for part, name in enumerate(layout.keys):
        where &= ds.field(name).isin(sorted({key[part] for key in keys}))
    second = [] if counted else [CREATED]
    columns = dict.fromkeys([*layout.keys, PUBLISHED, *second, *layout.floats, *layout.others])
    rows = lake.read(table, [day for day in lake.days(table) if day <= last.date()], list(columns), where)
    if not len(rows):
        return dict.fromkeys(asked)
    places = newest_by(rows, layout.keys, [PUBLISHED, *second], keys, at)
    chosen, which = np.unique(places[places != NOBODY], return_inverse=True)
    packed = records_of(layout, rows.take(chosen), PUBLISHED, second[0] if second else PUBLISHED)
    records = iter(which.tolist())
    return {ask: None if place == NOBODY else packed[next(records)] for ask, place in zip(asked, places, strict=True)}


def newest_by(rows: pa.Table, names: Sequence[str], order: Sequence[str], keys: Sequence[Key], at: Int64s) -> Int64s:
    """The place of the newest row of each entity at its moment, NOBODY where there is none yet.

    order  the columns by which a row is newer, the moment of publication first
    """
    entities = {key: code for code, key in enumerate(dict.fromkeys(keys))}
    index = pd.MultiIndex.from_tuples(list(entities))
    own = index.get_indexer(pd.MultiIndex.from_arrays([rows[name].to_numpy() for name in names]))
    times = [_micros(rows[name]) for name in order]
    sequence = np.lexsort((*reversed(times), own))
    asked_codes = np.array([entities[key] for key in keys])
    moments = np.unique(np.concatenate([times[0], at]))
    rank = own[sequence] * len(moments) + np.searchsorted(moments, times[0][sequence])
    place = np.searchsorted(rank, asked_codes * len(moments) + np.searchsorted(moments, at), side="right") - 1
    answers = sequence[np.maximum(place, 0)]
    none = (place < 0) | (own[answers] != asked_codes)
    newest: Int64s = np.where(none, NOBODY, answers).astype(np.int64)
    return newest


def _micros(column: pa.ChunkedArray) -> Int64s:
    moments: Int64s = pc.cast(column, MOMENT).cast(pa.int64()).fill_null(0).to_numpy()
    return moments
