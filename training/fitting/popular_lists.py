"""The lists a release carries: what is liked now, by group and everywhere, and what is new."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from infra.lake import Lake, united
from infra.release_format import Popular
from training.definition import Shelves
from training.rows import AT, GAIN, moments


def build_popular_lists(labels: pd.DataFrame, items: pd.DataFrame, shelves: Shelves, at: datetime) -> Popular:
    """The lists at a moment, from mature labels and the items' newest descriptions."""
    may = np.ones(len(items), dtype=bool)
    for name, value in shelves.eligible.items():
        may &= (items[name] == value).to_numpy()
    listed = items[may].set_index(shelves.item)
    counted = labels[labels[shelves.item].isin(listed.index)]
    gains = counted.assign(worth=counted[GAIN].to_numpy() * _kept(counted, shelves, at))
    everywhere = _best(gains, shelves)
    groups = {str(group): _best(rows, shelves) for group, rows in gains.groupby(shelves.group)}
    fresh = [str(i) for i in listed.sort_values(shelves.fresh_by, ascending=False, kind="stable").index[: shelves.size]]
    wanted = dict.fromkeys([*everywhere, *fresh, *(item for group in groups.values() for item in group)])
    named = listed.loc[list(wanted), list(shelves.attributes)]
    attributes = {
        str(item): {str(n): _plain(v) for n, v in row.items()} for item, row in named.to_dict("index").items()
    }
    return Popular(everywhere, groups, fresh, attributes)


def newest_descriptions(lake: Lake, shelves: Shelves, at: datetime) -> pd.DataFrame:
    """One row an item: what lists need of its profile as it was known at a moment."""
    fields = (shelves.fresh_by, *shelves.attributes, *shelves.eligible)
    return described(lake, shelves.profile, shelves.item, fields, at)


def described(lake: Lake, profile: str, item: str, fields: Sequence[str], at: datetime) -> pd.DataFrame:
    """One row an item: some fields of its profile as it was known at a moment.

    A field that the profile had not yet when it was published is unknown.
    """
    wanted = list(dict.fromkeys((item, *fields)))
    files = lake.files(f"profiles/{profile}")
    there = united(files).names if files else wanted
    read = lake.read(f"profiles/{profile}", columns=[*(name for name in wanted if name in there), AT])
    stored = read.to_pandas().reindex(columns=[*wanted, AT])
    known = stored[moments(stored[AT]) <= pd.Timestamp(at)]
    newest: pd.DataFrame = known.sort_values(AT, kind="stable").drop_duplicates(item, keep="last")
    return newest[wanted]


def _kept(rows: pd.DataFrame, shelves: Shelves, at: datetime) -> "np.ndarray[Any, Any]":
    """How much of each gain is left at the moment; nothing of what came later."""
    age = (pd.Timestamp(at) - rows[AT]).dt.total_seconds().to_numpy()
    return np.where(age >= 0, np.exp2(-np.maximum(age, 0) / shelves.half_life.total_seconds()), 0.0)


def _best(rows: pd.DataFrame, shelves: Shelves) -> list[str]:
    worth = rows.groupby(shelves.item)["worth"].sum()
    ordered = worth[worth > 0].sort_index().sort_values(ascending=False, kind="stable")
    return [str(item) for item in ordered.index[: shelves.size]]


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, np.ndarray):
        return [_plain(v) for v in value.tolist()]
    if isinstance(value, list):
        return value
    if value is None or value is pd.NA or value is pd.NaT or value != value:  # noqa: PLR0124  NaN differs from itself
        return None
    return value.item() if isinstance(value, np.generic) else value
