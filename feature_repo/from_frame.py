"""A frame of historical features as the inputs of request-time features, so that training assembles as serving does."""

from typing import Any

import numpy as np
import pandas as pd

from feature_repo.counters import Seconds
from feature_repo.definition import CounterView, FeatureSet
from feature_repo.request_time import Counters, FeatureInput, Inputs
from infra.errors import DefinitionError
from validation.contract import unknown

SECOND = 1e6  # in microseconds, the finest that is stored


def inputs_from_frame(frame: pd.DataFrame, features: FeatureSet, now_column: str) -> Inputs:
    """The inputs of every row of `frame`, whose columns are named as Feast's `full_feature_names` does: `view__field`.

    `now_column` holds the moment of the request. Columns of the request have their own names; one that is missing
    counts as not given by the request. A missing stored column raises DefinitionError: it was not retrieved.
    """
    context = {name for feature in features.features for name in feature.given()}
    return Inputs(
        rows=len(frame),
        now=_seconds(_column(frame, now_column)),
        counters={view.name: _counters(frame, view) for view in features.counter_views},
        fields={
            f"{view.name}.{field}": _values(_column(frame, f"{view.name}__{field}"))
            for view in features.profile_views
            for field in view.fields
        },
        context={name: _values(frame[name]) for name in sorted(context & set(frame.columns))},
    )


def _counters(frame: pd.DataFrame, view: CounterView) -> Counters:
    columns = [_column(frame, f"{view.name}__{name}").to_numpy(np.float32, na_value=np.nan) for name in view.counters]
    return Counters(
        values=np.stack(columns, axis=1),
        at=_seconds(_column(frame, f"{view.name}__published_at")),
        names=view.counters,
        half_lives=np.array(view.half_lives),
    )


def _column(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    if name not in frame.columns:
        raise DefinitionError(f"historical features: column {unknown(name, map(str, frame.columns))}")
    return frame[name]


def _seconds(column: "pd.Series[Any]") -> Seconds:
    """Seconds since the epoch; NaN where there is no moment. A moment without a zone is in UTC."""
    if not pd.api.types.is_datetime64_any_dtype(column):
        return np.asarray(column.to_numpy(np.float64, na_value=np.nan))
    micros = column.dt.tz_localize(None) if column.dt.tz is None else column.dt.tz_convert(None)
    moments = micros.to_numpy("datetime64[us]")
    return np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / SECOND)


def _values(column: "pd.Series[Any]") -> FeatureInput:
    """The values as serving has them: numbers, moments in seconds, or objects with None where nothing is known."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return _seconds(column)
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(np.float64, na_value=np.nan)
    values = column.to_numpy(object, copy=True)
    values[pd.isna(values)] = None
    return values
