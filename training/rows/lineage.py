"""When each feature was known, measured on the training set itself against the moment each row was shown."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from feature_repo.definition import CounterView, FeatureSet, ProfileView
from feature_repo.request_time import Code, Context, Feature
from infra.lake import Lake
from training.rows.attribution import TOLD_AT
from validation.gates import Lineage

if TYPE_CHECKING:
    Series = pd.Series[Any]

AT = "event_timestamp"  # as Feast names it, in labels and in the lake's profiles
FIRST = "first"
NOBODY_KNOWS = float("nan")


def measured(joined: pd.DataFrame, features: FeatureSet, lake: Lake | None) -> tuple[Lineage, ...]:
    """The lineage of every feature: where it comes from, and the largest (known − shown) over all rows, in seconds.

    joined  labels with the fields Feast gave, named `view__field`
    Counters are measured by their own `published_at`, profiles by the first description in the lake.
    """
    views = {view.name: _counted(joined, view) for view in features.counter_views}
    views |= {view.name: _described(joined, view, lake) for view in features.profile_views}
    return tuple(_of(feature, joined, views) for feature in features.features)


def _of(feature: Feature, joined: pd.DataFrame, views: dict[str, float]) -> Lineage:
    if isinstance(feature, Context | Code):
        told = joined.get(TOLD_AT + feature.name)
        source = "the request" if told is None else "outcomes"
        return Lineage(feature.name, source, 0.0 if told is None else _largest(told - joined[AT]))
    read = sorted({name.split(".")[0] for name in feature.reads()})
    known = [views.get(view, NOBODY_KNOWS) for view in read]
    return Lineage(feature.name, " and ".join(read) or "the clock", float(np.max(known)) if known else 0.0)


def _counted(joined: pd.DataFrame, view: CounterView) -> float:
    published = joined.get(f"{view.name}__published_at")
    return NOBODY_KNOWS if published is None else _largest(moments(published) - joined[AT])


def _described(joined: pd.DataFrame, view: ProfileView, lake: Lake | None) -> float:
    fields = [f"{view.name}__{name}" for name in view.fields]
    if lake is None or not set(fields) <= set(joined.columns) or not set(view.keys) <= set(joined.columns):
        return NOBODY_KNOWS
    has = joined.loc[joined[fields].notna().any(axis=1), [*view.keys, AT]]
    if has.empty:
        return 0.0
    first = _first(lake, view)
    if first is None:
        return NOBODY_KNOWS
    known = has.merge(first.to_pandas(), on=list(view.keys), how="left")[FIRST]
    if known.isna().any():
        return NOBODY_KNOWS
    return _largest(moments(known) - has[AT].reset_index(drop=True))


def _first(lake: Lake, view: ProfileView) -> pa.Table | None:
    """When each entity was described first; a day at a time, so that a long history costs no more than its entities."""
    keys, name, found = list(view.keys), f"profiles/{view.name}", None
    for day in lake.days(name):
        if any(AT not in pq.read_schema(file).names for file in lake.files(name, [day])):
            return None
        part = lake.read(name, [day], [*keys, AT]).rename_columns([*keys, FIRST])
        told = part if found is None else pa.concat_tables([found, part])
        found = told.group_by(keys).aggregate([(FIRST, "min")]).select([*keys, f"{FIRST}_min"])
        found = found.rename_columns([*keys, FIRST])
    return found


def moments(column: "Series") -> "Series":
    """A column of moments, whether it holds times or seconds since the epoch."""
    if pd.api.types.is_numeric_dtype(column):
        return pd.to_datetime(column, unit="s", utc=True)
    return pd.to_datetime(column, utc=True)


def _largest(ages: "Series") -> float:
    """Seconds; 0 where no row has a value."""
    seconds = ages.dt.total_seconds().max()
    return 0.0 if pd.isna(seconds) else float(seconds)
