"""When each feature was known: the moment of the row that was joined, against the moment the training row was shown."""

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from feature_repo.definition import CounterView, FeatureSet, ProfileView, known_at_column
from feature_repo.request_time import Feature
from training.rows.attribution import AT, KNOWN_AT_PREFIX
from validation.gates import Lineage

if TYPE_CHECKING:
    Series = pd.Series[Any]

NOT_KNOWN = float("nan")


def measured(joined: pd.DataFrame, features: FeatureSet) -> tuple[Lineage, ...]:
    """The lineage of every feature: where it comes from, and the largest (known − shown) over all rows, in seconds.

    joined  labels with the fields Feast gave, named `view__field`, and the moment of each view's row (`view__known_at`)
    A counter is known since its row was known and since its own `published_at`, whichever is later. A value whose
    moment nobody tells makes NaN, and so does a context column without a column of moments beside it.
    """
    known_after_s = {view.name: _of_view(joined, view) for view in features.counter_views}
    known_after_s |= {view.name: _of_view(joined, view) for view in features.profile_views}
    return tuple(_of(feature, joined, known_after_s) for feature in features.features)


def _of(feature: Feature, joined: pd.DataFrame, known_after_s: dict[str, float]) -> Lineage:
    view_names = sorted({name.split(".")[0] for name in feature.reads()})
    ages = {view: known_after_s.get(view, NOT_KNOWN) for view in view_names}
    for name in feature.given():
        if name in joined:
            after = _latest(joined, [name], [KNOWN_AT_PREFIX + name])
            source = "outcomes" if after > 0 else "the log of what was shown"
            ages[source] = _later(ages.get(source, after), after)
    if not ages:
        return Lineage(feature.name, "never given" if feature.given() else "the clock", 0.0)
    return Lineage(feature.name, " and ".join(ages), reduce(_later, ages.values()))


def _later(one: float, other: float) -> float:
    return NOT_KNOWN if np.isnan(one) or np.isnan(other) else max(one, other)


def _of_view(joined: pd.DataFrame, view: CounterView | ProfileView) -> float:
    fields = view.counters if isinstance(view, CounterView) else view.fields
    own = [f"{view.name}__published_at"] if isinstance(view, CounterView) else []
    return _latest(joined, [f"{view.name}__{name}" for name in fields], [known_at_column(view.name), *own])


def _latest(joined: pd.DataFrame, values: list[str], known: list[str]) -> float:
    """The largest (known − shown) in seconds, 0 where no row has a value; NaN where a value has no moment."""
    if not {*values, *known} <= set(joined.columns):
        return NOT_KNOWN
    largest = 0.0 if joined.empty else -np.inf
    for name in known:
        after = (moments(joined[name]) - joined[AT]).dt.total_seconds()
        if joined.loc[after.isna().to_numpy(), values].notna().to_numpy().any():
            return NOT_KNOWN
        largest = max(largest, float(after.max())) if after.notna().any() else largest
    return largest if np.isfinite(largest) else 0.0


def moments(column: "Series") -> "Series":
    """A column of moments, whether it holds times or seconds since the epoch."""
    if pd.api.types.is_numeric_dtype(column):
        return pd.to_datetime(column, unit="s", utc=True)
    return pd.to_datetime(column, utc=True)
