"""The lists a release carries: what is liked now, by group and everywhere, and what is new."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from infra.lake import Lake, united
from infra.release_format import Popular
from training.definition import FallbackLists
from training.rows import AT, GAIN, moments


def build_popular_lists(labels: pd.DataFrame, items: pd.DataFrame, lists: FallbackLists, at: datetime) -> Popular:
    """The lists at a moment, from mature labels and the items' newest descriptions."""
    allowed = np.ones(len(items), dtype=bool)
    for name, value in lists.eligible.items():
        allowed &= (items[name] == value).to_numpy()
    eligible_items = items[allowed].set_index(lists.item)
    counted = labels[labels[lists.item].isin(eligible_items.index)]
    gains = _once_a_day(counted.assign(worth=counted[GAIN].to_numpy() * _decay(counted, lists, at)), lists)
    everywhere = _best(gains, lists)
    groups = {str(group): _best(rows, lists) for group, rows in gains.groupby(lists.group)}
    newest = eligible_items.sort_values(lists.fresh_by, ascending=False, kind="stable")
    fresh = [str(item) for item in newest.index[: lists.size]]
    listed = dict.fromkeys([*everywhere, *fresh, *(item for group in groups.values() for item in group)])
    listed_rows = eligible_items.loc[list(listed), list(lists.attributes)]
    attributes = {
        str(item): {str(n): _plain(v) for n, v in row.items()} for item, row in listed_rows.to_dict("index").items()
    }
    return Popular(everywhere, groups, fresh, attributes)


def newest_descriptions(lake: Lake, lists: FallbackLists, at: datetime) -> pd.DataFrame:
    """One row an item: what lists need of its profile as it was known at a moment."""
    fields = (lists.fresh_by, *lists.attributes, *lists.eligible)
    return described(lake, lists.profile, lists.item, fields, at)


def described(lake: Lake, profile: str, item: str, fields: Sequence[str], at: datetime) -> pd.DataFrame:
    """One row an item: some fields of its profile as it was known at a moment.

    A field that was added to the profile after it was published is unknown.
    """
    columns = list(dict.fromkeys((item, *fields)))
    files = lake.files(f"profiles/{profile}")
    stored_fields = united(files).names if files else columns
    read = lake.read(f"profiles/{profile}", columns=[*(name for name in columns if name in stored_fields), AT])
    rows = read.to_pandas().reindex(columns=[*columns, AT])
    known_rows = rows[moments(rows[AT]) <= pd.Timestamp(at)]
    newest: pd.DataFrame = known_rows.sort_values(AT, kind="stable").drop_duplicates(item, keep="last")
    return newest[columns]


def _decay(rows: pd.DataFrame, lists: FallbackLists, at: datetime) -> "np.ndarray[Any, Any]":
    """The share of each gain that is left at the moment; 0 for a gain after it."""
    age = (pd.Timestamp(at) - rows[AT]).dt.total_seconds().to_numpy()
    return np.where(age >= 0, np.exp2(-np.maximum(age, 0) / lists.half_life.total_seconds()), 0.0)


def _once_a_day(gains: pd.DataFrame, lists: FallbackLists) -> pd.DataFrame:
    """Of the gains of one user, item and day the largest: nobody makes an item popular alone."""
    if lists.user is None:
        return gains
    in_order = gains.sort_values("worth", ascending=False, kind="stable")
    cells = pd.DataFrame(
        {"user": in_order[lists.user], "item": in_order[lists.item], "day": moments(in_order[AT]).dt.date}
    )
    return in_order[~cells.duplicated()]


def _best(rows: pd.DataFrame, lists: FallbackLists) -> list[str]:
    worth = rows.groupby(lists.item)["worth"].sum()
    ordered = worth[worth > 0].sort_index().sort_values(ascending=False, kind="stable")
    return [str(item) for item in ordered.index[: lists.size]]


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, np.ndarray):
        return [_plain(v) for v in value.tolist()]
    if isinstance(value, list):
        return value
    if value is None or value is pd.NA or value is pd.NaT or value != value:  # noqa: PLR0124  NaN differs from itself
        return None
    return value.item() if isinstance(value, np.generic) else value
