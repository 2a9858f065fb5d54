"""Whether online values equal offline values: a sample of entities, read both ways.

Where a stream runs, online may be newer than the lake: entities with a newer online record are not compared. Both are
read as of one moment, which may be years ago: values that were too old then are missing on both sides.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
from numpy.typing import NDArray

from feature_repo.counters import Seconds
from feature_repo.definition import FeatureSet
from feature_repo.records import Layout, read_records
from feature_repo.stores.packed_online_store import view_layout
from feature_repo.stores.store import open_store
from infra.lake import Lake
from validation.verdict import markdown

if TYPE_CHECKING:
    from feast import FeatureStore

AT, CREATED = "event_timestamp", "created"
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Unequal:
    """One value that differs: its view, entity and field, and both readings."""

    view: str
    entity: str
    field: str
    offline: str
    online: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many entities were compared, how many were newer online, and every value that differs.

    Where no entity was compared there is no agreement, unless all were newer online.
    """

    compared: int
    unequal: tuple[Unequal, ...]
    ahead: int = 0

    @property
    def passed(self) -> bool:
        """Whether something was compared and nothing differs."""
        return self.compared + self.ahead > 0 and not self.unequal

    def table_md(self) -> str:
        """The first differing values as a Markdown table."""
        if not self.unequal:
            ahead = f" {self.ahead:,} are newer online." if self.ahead else ""
            agree = f"All values of {self.compared:,} entities agree." if self.compared else "No entity was compared."
            return agree + ahead
        rows = [(u.view, u.entity, u.field, u.offline, u.online) for u in self.unequal[:SHOWN]]
        return markdown(("view", "entity", "field", "offline", "online"), rows)


def compare(
    store: "FeatureStore", lake: Lake, features: FeatureSet, as_of: datetime, sample: int = 200, seed: int = 0
) -> Agreement:
    """Compare up to `sample` entities of each view: the newest row in the lake against what Feast answers online."""
    store = open_store(store.config.online_store.settings, features, as_of)
    compared, ahead, unequal = 0, 0, []
    for folder, views in (("states", features.counter_views), ("profiles", features.profile_views)):
        for view in views:
            newest = _newest(lake, f"{folder}/{view.name}", view.keys, as_of, sample, seed)
            if newest.empty:
                continue
            laid_out = view_layout(store.config, store.get_feature_view(view.name))
            behind = _is_behind(store, laid_out, newest)
            ahead += int(behind.sum())
            newest = newest[~behind].reset_index(drop=True)
            if not newest.empty:
                compared += len(newest)
                unequal += _differences(store, laid_out, newest, as_of)
    return Agreement(compared, tuple(unequal), ahead)


def _is_behind(store: "FeatureStore", layout: Layout, newest: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether the online record of each row's entity is newer than the row."""
    redis = store._get_provider().online_store.client(store.config)
    entities = list(zip(*(newest[key].astype(str) for key in layout.keys), strict=True))
    online = read_records(redis, layout, entities)
    at, created = (_seconds(newest, name) for name in (AT, CREATED))
    ahead = (online.at > at) | ((online.at == at) & (np.nan_to_num(online.created) > np.nan_to_num(created)))
    return np.asarray(ahead, dtype=bool)


def _seconds(rows: pd.DataFrame, column: str) -> Seconds:
    """Moments in seconds since the epoch, as in records; NaN where there are none."""
    if column not in rows:
        return np.full(len(rows), np.nan)
    return np.asarray(rows[column].astype("datetime64[us, UTC]").astype("int64").to_numpy() / 1e6)


def _newest(lake: Lake, name: str, keys: tuple[str, ...], as_of: datetime, sample: int, seed: int) -> pd.DataFrame:
    """The newest row before a moment for a sample of entities, drawn from those that changed last."""
    days = [day for day in lake.days(name) if day <= as_of.date()]
    if not days:
        return pd.DataFrame()
    until = ds.field(AT) <= pd.Timestamp(as_of)
    changed = lake.read(name, days[-1:], keys, until).to_pandas().drop_duplicates()
    changed = changed if len(changed) else lake.read(name, days, keys, until).to_pandas().drop_duplicates()
    if changed.empty:  # no event of this view
        return pd.DataFrame()
    drawn = changed.sample(min(sample, len(changed)), random_state=seed)
    rows = lake.read(name, days, None, until & ds.field(keys[0]).isin(drawn[keys[0]].to_list())).to_pandas()
    order = [name for name in (AT, CREATED) if name in rows]
    rows = rows.merge(drawn, on=list(keys)).sort_values(order, kind="stable")
    newest: pd.DataFrame = rows.drop_duplicates(list(keys), keep="last").reset_index(drop=True)
    return newest


def _differences(store: "FeatureStore", layout: Layout, newest: pd.DataFrame, as_of: datetime) -> list[Unequal]:
    view = layout.view
    fields = [f.name for f in store.get_feature_view(view).features]
    entities = newest[list(layout.keys)].to_dict("records")
    online = store.get_online_features([f"{view}:{f}" for f in fields], entity_rows=entities).to_dict()
    stale = as_of.timestamp() - _seconds(newest, AT) > layout.ttl.total_seconds()
    unequal = []
    for row, entity in enumerate(entities):
        for name in fields:
            offline, read = None if stale[row] else newest[name].iloc[row], online[name][row]
            if not _same(offline, read):
                unequal.append(Unequal(view, " ".join(map(str, entity.values())), name, str(offline), str(read)))
    return unequal


def _same(offline: Any, online: Any) -> bool:
    """Whether two readings are the same value; online counters are float32, as the lake's are."""
    if isinstance(offline, np.ndarray | list):
        return list(offline) == list(online or [])
    if offline is None or offline is pd.NaT or offline != offline:  # noqa: PLR0124  NaN differs from itself
        return online is None or online != online  # noqa: PLR0124  as above
    if isinstance(offline, pd.Timestamp):
        return online is not None and pd.Timestamp(online).timestamp() == int(offline.timestamp())
    if isinstance(offline, float | np.floating):
        return online is not None and np.float32(offline) == np.float32(online)
    return bool(offline == online)
