"""The log of what was shown, looked up for rows of a training set: who saw what, when, and what was served."""

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from infra.arrays import Bools
from orchestration.system import Installation
from training.rows import AT

MOMENT = pa.timestamp("us", tz="UTC")
FEW = 20_000  # rows that are looked up by their keys; of more the whole days are read


@dataclass(frozen=True, slots=True)
class Shown:
    """The log, aligned with the rows it was asked for.

    rows    the log's columns, null where it has no such row
    agrees  (rows,) whether it holds the row once, of the same user and item, at the same moment
    """

    rows: pd.DataFrame
    agrees: Bools


def shown(installation: Installation, frame: pd.DataFrame, more: tuple[str, ...] = ()) -> Shown:
    """What the log says of rows of a training set; `more` are further columns to read, where the table has them."""
    task = installation.system.task
    table = installation.tables[task.decisions]
    first, last = frame[AT].min(), frame[AT].max()
    there = {column.name for column in table.columns}
    columns = [*dict.fromkeys((*table.key, task.cluster, task.item, table.event_time, *more))]
    columns = [name for name in columns if name in there]
    within = (ds.field(table.event_time) >= first) & (ds.field(table.event_time) <= last)
    if len(frame) <= FEW:
        within &= ds.field(table.key[0]).isin(sorted(set(frame[table.key[0]])))
    days = [day for day in installation.lake.days(f"tables/{table.name}") if day >= first.date()]
    log = installation.lake.read(f"tables/{table.name}", days, columns, within, schema=table.schema)
    log = log.append_column("logged_at", pc.cast(log[table.event_time], MOMENT).cast(pa.int64()))
    rows = log.to_pandas().drop_duplicates([*table.key])
    own = frame[[*table.key]].assign(
        asked_at=frame[AT].dt.as_unit("us").astype("int64").to_numpy(),
        repeated=frame.duplicated([*table.key]).to_numpy(),
    )
    merged = own.merge(rows, how="left", on=[*table.key], validate="many_to_one")
    agrees = (merged["logged_at"] == merged["asked_at"]) & ~merged["repeated"]
    for name in {task.cluster, task.item} & there - set(table.key):
        agrees &= merged[name].to_numpy() == frame[name].to_numpy()
    return Shown(merged, agrees.to_numpy(dtype=bool))
