"""When each feature was known, measured on the training set itself against the moment each row was shown."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from feature_repo.definition import CounterView, FeatureSet, ProfileView
from feature_repo.request_time import Code, Context, Feature
from infra.lake import Lake
from training.rows.attribution import KNOWN_AT_PREFIX
from validation.gates import Lineage

if TYPE_CHECKING:
    Series = pd.Series[Any]

AT = "event_timestamp"  # as Feast names it, in labels and in the lake's profiles
FIRST = "first"
NOT_KNOWN = float("nan")


def measured(joined: pd.DataFrame, features: FeatureSet, lake: Lake | None) -> tuple[Lineage, ...]:
    """The lineage of every feature: where it comes from, and the largest (known − shown) over all rows, in seconds.

    joined  labels with the fields Feast gave, named `view__field`
    Counters are measured by their own `published_at`, profiles by the first description in the lake.
    """
    known_after_s = {view.name: _counted(joined, view) for view in features.counter_views}
    known_after_s |= {view.name: _described(joined, view, lake) for view in features.profile_views}
    return tuple(_of(feature, joined, known_after_s) for feature in features.features)


def _of(feature: Feature, joined: pd.DataFrame, known_after_s: dict[str, float]) -> Lineage:
    if isinstance(feature, Context | Code):
        received = joined.get(KNOWN_AT_PREFIX + feature.name)
        source = "the request" if received is None else "outcomes"
        return Lineage(feature.name, source, 0.0 if received is None else _largest(received - joined[AT]))
    view_names = sorted({name.split(".")[0] for name in feature.reads()})
    ages = [known_after_s.get(view, NOT_KNOWN) for view in view_names]
    return Lineage(feature.name, " and ".join(view_names) or "the clock", float(np.max(ages)) if ages else 0.0)


def _counted(joined: pd.DataFrame, view: CounterView) -> float:
    published = joined.get(f"{view.name}__published_at")
    return NOT_KNOWN if published is None else _largest(moments(published) - joined[AT])


def _described(joined: pd.DataFrame, view: ProfileView, lake: Lake | None) -> float:
    fields = [f"{view.name}__{name}" for name in view.fields]
    if lake is None or not set(fields) <= set(joined.columns) or not set(view.keys) <= set(joined.columns):
        return NOT_KNOWN
    described_rows = joined.loc[joined[fields].notna().any(axis=1), [*view.keys, AT]]
    if described_rows.empty:
        return 0.0
    first = _first(lake, view)
    if first is None:
        return NOT_KNOWN
    first_described = described_rows.merge(first.to_pandas(), on=list(view.keys), how="left")[FIRST]
    if first_described.isna().any():
        return NOT_KNOWN
    return _largest(moments(first_described) - described_rows[AT].reset_index(drop=True))


def _first(lake: Lake, view: ProfileView) -> pa.Table | None:
    """When each entity was described first; read day by day, so that memory holds one row an entity."""
    keys, name, first = list(view.keys), f"profiles/{view.name}", None
    for day in lake.days(name):
        if any(AT not in pq.read_schema(file).names for file in lake.files(name, [day])):
            return None
        day_rows = lake.read(name, [day], [*keys, AT]).rename_columns([*keys, FIRST])
        both = day_rows if first is None else pa.concat_tables([first, day_rows])
        first = both.group_by(keys).aggregate([(FIRST, "min")]).select([*keys, f"{FIRST}_min"])
        first = first.rename_columns([*keys, FIRST])
    return first


def moments(column: "Series") -> "Series":
    """A column of moments, whether it holds times or seconds since the epoch."""
    if pd.api.types.is_numeric_dtype(column):
        return pd.to_datetime(column, unit="s", utc=True)
    return pd.to_datetime(column, utc=True)


def _largest(ages: "Series") -> float:
    """Seconds; 0 where no row has a value."""
    seconds = ages.dt.total_seconds().max()
    return 0.0 if pd.isna(seconds) else float(seconds)
