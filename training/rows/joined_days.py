"""Joined rows of earlier training sets, kept by day: a day is joined again when what its join reads has changed."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from feature_repo.definition import FeatureSet
from infra.lake import Lake
from infra.lake_rows import names_below
from training.rows.attribution import AT

if TYPE_CHECKING:
    from feast import FeatureStore

    from feature_repo.stores import JoinKey

KEY = b"flywheel.join_key"
Fetch = Callable[[pd.DataFrame], pa.Table]
Places = NDArray[np.int64]


@dataclass(slots=True)
class JoinedDays:
    """The kept days of one training set, `joined/NAME` in the lake; `joined` are those that were joined last.

    A row belongs to the day on which it matures, so that a day gets no further rows once it is over. What is kept are
    the views' fields, without the entities. Labels are no part of it: they are never older than the set.
    """

    lake: Lake
    name: str
    joined: list[date] = field(default_factory=list)

    def fields(
        self, asked: pd.DataFrame, matures_at: "pd.Series[Any]", fetch: Fetch, store: "FeatureStore",
        features: FeatureSet, options: object = (),
    ) -> pa.Table:  # fmt: skip
        """The fields for each row asked, in the rows' order: of kept days as they were joined, of others by `fetch`.

        asked       the entities of each row, and in `event_timestamp` the moment asked for
        matures_at  when each row is mature
        options     whatever else the answers depend on, by its `repr`; no view is asked before the moment in `asked`
        All days that are not there are fetched at once. They are kept unless something was published meanwhile.
        """
        rows_by_day = _by_day(matures_at)
        keys = _keys(asked, rows_by_day, store, features, options)
        kept = {day: table for day in rows_by_day if (table := self._kept(day, keys.get(day))) is not None}
        self.joined = [day for day in rows_by_day if day not in kept]
        if self.joined:
            places = np.concatenate([rows_by_day[day] for day in self.joined])
            fetched = fetch(asked.iloc[places].reset_index(drop=True))
            unchanged = _keys(asked, rows_by_day, store, features, options)
            start = 0
            for day in self.joined:
                kept[day] = fetched.slice(start, len(rows_by_day[day]))
                start += len(rows_by_day[day])
                if day in keys and keys[day] == unchanged.get(day):
                    self._keep(day, keys[day], kept[day])
        self._forget(set(self.lake.days(self._table)) - set(rows_by_day))
        joined = pa.concat_tables([kept[day].replace_schema_metadata() for day in rows_by_day])
        order = np.concatenate(list(rows_by_day.values()))
        return joined if (np.diff(order) > 0).all() else joined.take(pa.array(np.argsort(order)))

    @property
    def _table(self) -> str:
        return f"joined/{self.name}"

    def _kept(self, day: date, key: str | None) -> pa.Table | None:
        """The rows of a day that were kept under this key; a file that cannot be read counts as none."""
        try:
            files = self.lake.files(self._table, [day])
            if key is None or not files or _key_of(files[0]) != key:
                return None
            return pq.read_table(files[0], partitioning=None)
        except (pa.ArrowException, OSError):
            return None

    def _keep(self, day: date, key: str, rows: pa.Table) -> None:
        self.lake.replace(self._table, day, rows.replace_schema_metadata({KEY: key.encode()}))

    def _forget(self, days: Iterable[date]) -> None:
        for day in days:
            self.lake.drop(self._table, day)


def forget_joined_days(lake: Lake) -> None:
    """Remove the kept days of all sets: their rows are of people, and do not say of whom."""
    for name in names_below(lake, "joined"):
        for day in lake.days(name):
            lake.drop(name, day)


def _by_day(times: "pd.Series[Any]") -> dict[date, Places]:
    """The places of the rows of each day, in order of days; midnight belongs to the day that it ends."""
    at = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    days, codes = np.unique((at - np.timedelta64(1, "us")).astype("datetime64[D]"), return_inverse=True)
    places = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    return {day.item(): of_day for day, of_day in zip(days, places, strict=True)}


def _keys(
    asked: pd.DataFrame, rows_by_day: dict[date, Places], store: "FeatureStore", features: FeatureSet,
    options: object,
) -> dict[date, str]:  # fmt: skip
    """The key of each day as things are now; none where the store does not say what a join depends on."""
    from feature_repo.stores import join_key

    depends: JoinKey | None = join_key(store, features)
    if depends is None:
        return {}
    code = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    always = hashlib.sha256(b"\n".join([repr(options).encode(), *code])).hexdigest()
    keys = {}
    for day, places in rows_by_day.items():
        rows = asked.iloc[places]
        first, last = (moment.to_pydatetime().astimezone(UTC) for moment in (rows[AT].min(), rows[AT].max()))
        words = [always, depends.of(first, last), _digest(rows)]
        keys[day] = hashlib.sha256("\n".join(words).encode()).hexdigest()
    return keys


def _digest(rows: pd.DataFrame) -> str:
    """sha256 over the values of some rows, in their order."""
    table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _key_of(file: Path) -> str:
    metadata: dict[bytes, bytes] = pq.read_schema(file).metadata or {}
    return metadata.get(KEY, b"").decode()
