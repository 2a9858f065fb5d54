"""What the log of shown rows holds of each labelled row beside its label and features."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow.dataset as ds

from infra.lake import Lake
from training.rows.attribution import AT
from validation.contract import Table


def logged_columns(lake: Lake, table: Table, frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The table's key and these columns for each row of `frame`, in its order; null where the log has nothing."""
    there = [name for name in names if name in {column.name for column in table.columns}]
    first, last = frame[AT].min(), frame[AT].max()
    shown = (ds.field(table.event_time) >= first) & (ds.field(table.event_time) <= last)
    received = [
        day for day in lake.days(f"tables/{table.name}") if day >= first.date()
    ]  # the days in which building labels looks for them, too
    columns = list(dict.fromkeys((*table.key, *there)))
    log: Any = lake.read(f"tables/{table.name}", received, columns, shown, schema=table.schema).to_pandas()
    rows = frame[[*table.key]].merge(log.drop_duplicates([*table.key]), how="left", on=[*table.key])
    return rows.assign(**{name: None for name in names if name not in columns})
