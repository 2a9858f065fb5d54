"""The last seconds before each decision, counted again from the log of decisions by the rule that served them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from feature_repo.definition import FeatureSet
from feature_repo.recent import MOST, WHOLE, recent_of_each
from feature_repo.request_time import Recent
from infra.arrays import Int64s
from infra.lake import Lake
from training.rows.attribution import AT, KNOWN_AT_PREFIX
from validation.contract import Table

if TYPE_CHECKING:
    Series = pd.Series[Any]


def with_recent(labels: pd.DataFrame, lake: Lake, features: FeatureSet, table: Table, as_of: datetime) -> pd.DataFrame:
    """The labels with a column for each `Recent` feature, and since when it was known: since the decision."""
    wanted = [feature for feature in features.features if isinstance(feature, Recent)]
    if not wanted or labels.empty:
        return labels
    log = _log(lake, table, wanted, (labels[AT].min(), labels[AT].max()), as_of)
    counted = log[[*table.key]].assign(**{feature.name: _values(log, table, feature) for feature in wanted})
    values = labels[[*table.key]].merge(counted, how="left", on=[*table.key])
    columns: dict[str, Series] = {}
    for feature in wanted:
        columns[feature.name] = values[feature.name].set_axis(labels.index)
        columns[KNOWN_AT_PREFIX + feature.name] = labels[AT].where(columns[feature.name].notna())
    return labels.assign(**columns)


def _log(
    lake: Lake, table: Table, wanted: Sequence[Recent], span: tuple[datetime, datetime], as_of: datetime
) -> pd.DataFrame:
    """The decisions of that span and of the seconds before it, each once, as received by then."""
    first = span[0] - timedelta(seconds=max(feature.within_s for feature in wanted))
    until = as_of.astimezone(UTC)
    days = [day for day in lake.days(f"tables/{table.name}") if first.date() <= day <= until.date()]
    at, received = ds.field(table.event_time), ds.field(table.received_time)
    named = [name for feature in wanted for name in (feature.by, feature.amount) if name]
    columns = list(dict.fromkeys((*table.key, table.event_time, table.received_time, *named)))
    where = (at >= first) & (at <= span[1]) & (received <= until)
    rows: pd.DataFrame = lake.read(f"tables/{table.name}", days, columns, where, schema=table.schema).to_pandas()
    return rows.sort_values([table.received_time, table.event_time], kind="stable").drop_duplicates([*table.key])


def _values(log: pd.DataFrame, table: Table, feature: Recent) -> "np.ndarray[Any, np.dtype[np.float64]]":
    by, at = pd.factorize(log[feature.by])[0].astype(np.int64), _micros(log[table.event_time])
    amounts = None
    if feature.amount:
        given = log[feature.amount].to_numpy(np.float64, na_value=np.nan)
        amounts = np.rint(np.where(np.isfinite(given), given.clip(-MOST, MOST), 0.0) * WHOLE).astype(np.int64)
    return recent_of_each(by, at, _places(log, table.key), feature.within_s, amounts)


def _places(log: pd.DataFrame, key: Sequence[str]) -> Int64s:
    """The place of each row in the order of keys."""
    places = np.empty(len(log), dtype=np.int64)
    order = pc.sort_indices(pa.Table.from_pandas(log[[*key]], preserve_index=False), [(k, "ascending") for k in key])
    places[order.to_numpy()] = np.arange(len(log))
    return places


def _micros(moments: "Series") -> Int64s:
    return moments.dt.as_unit("us").to_numpy("datetime64[us]").astype(np.int64)
