"""Entity rows of a question: read from the usual forms, or refused with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from feature_repo.stores.view_rows import MOMENT, TIME
from infra.errors import DefinitionError
from infra.settings import Settings
from infra.spark import session

ROW = "__row"


@dataclass(frozen=True)
class Questions:
    """Entity rows as asked: `table` has them all, with `ROW` as their number; `time` names the moment of each."""

    table: pa.Table
    time: str

    @property
    def first(self) -> datetime:
        """The earliest moment asked for."""
        return self._moment(pc.min)

    @property
    def last(self) -> datetime:
        """The latest moment asked for."""
        return self._moment(pc.max)

    def _moment(self, of: Any) -> datetime:
        moment: datetime | None = of(self.table[self.time].cast(MOMENT, safe=False)).as_py()
        if moment is None:
            raise DefinitionError(f"entity rows: `{self.time}` has no value in any of {len(self.table)} rows")
        return moment

    def narrow(self, keys: Sequence[str]) -> pa.Table:
        """Row number, keys and moment: all that a join needs."""
        missing = [key for key in keys if key not in self.table.column_names]
        if missing:
            column_names = [name for name in self.table.column_names if name != ROW]
            raise DefinitionError(f"entity rows: no column for the join keys {missing}; there are {column_names}")
        times = self.table[self.time].cast(MOMENT, safe=False)
        return self.table.select([ROW, *keys]).append_column(TIME, times)


def ask(entity_df: Any, settings: Settings) -> Questions:
    """Entity rows as Arrow: from pandas, an Arrow table, a Spark frame, or SQL; naive times are UTC.

    Moments may be timestamps, dates or ISO 8601 text. Raises DefinitionError for anything else.
    """
    table = _table(entity_df, settings)
    times = [f.name for f in table.schema if pa.types.is_timestamp(f.type)]
    time = "event_timestamp" if "event_timestamp" in table.column_names else times[0] if len(times) == 1 else None
    if time is None:
        raise DefinitionError(
            f"entity rows: no column `event_timestamp`, and {len(times)} columns of times to choose from; "
            f"there are {table.column_names}"
        )
    place, moments = table.column_names.index(time), _moments(table[time], time)
    return Questions(table.set_column(place, time, moments).append_column(ROW, pa.array(np.arange(len(table)))), time)


def _table(entity_df: Any, settings: Settings) -> pa.Table:
    if isinstance(entity_df, pa.Table):
        return entity_df
    if isinstance(entity_df, pd.DataFrame):
        try:
            return pa.Table.from_pandas(entity_df, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as mixed:
            raise DefinitionError(f"entity rows: {'; '.join(map(str, mixed.args))}. Give one type a column.") from mixed
    if isinstance(entity_df, str):
        return session(settings).sql(entity_df).toArrow()
    if not hasattr(entity_df, "toArrow"):
        raise DefinitionError(
            f"entity rows: a {type(entity_df).__name__} is none of pandas frame, Arrow table, Spark frame or SQL text."
        )
    return entity_df.toArrow()


def _moments(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Moments in UTC."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _moments(column.cast(kind.value_type), name)
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp(kind.unit, tz="UTC"))
    if not len(column):
        return pa.chunked_array([], MOMENT)
    if pa.types.is_date(kind) or pa.types.is_null(kind):
        return column.cast(pa.timestamp("us")).cast(MOMENT)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise DefinitionError(
            f"entity rows: `{name}` is of type {kind}, which is no moment. Give timestamps, dates or ISO 8601 text."
        )
    try:
        read = pd.to_datetime(pd.Series(column.to_pylist(), dtype=object), utc=True, format="ISO8601")
    except (ValueError, TypeError) as wrong:
        raise DefinitionError(f"entity rows: `{name}` holds what is no moment in ISO 8601: {wrong}") from wrong
    return pa.chunked_array([pa.Array.from_pandas(read).cast(MOMENT)])
