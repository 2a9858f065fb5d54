"""A day's events once more, some days later, from a client that went wrong: drift made from real events."""

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.lake import Lake
from validation.systems.home_feed import ENGAGEMENTS, IMPRESSIONS

SHARE_REPORTED = 0.1  # the share of each watch that the client still reports


def echo(lake: Lake, day: date, landing: Path, later: Iterable[int]) -> dict[str, int]:
    """Write a day's impressions and engagements again so many days later, with a tenth of every watch and no clicks."""
    written = {}
    for table in (IMPRESSIONS, ENGAGEMENTS):
        rows = lake.read(f"tables/{table.name}", [day])
        if table is ENGAGEMENTS:
            rows = _shortened(rows.filter(pc.not_equal(rows["action"], "click")))
        for again in later:
            shifted = _shifted(rows, timedelta(days=again), f"-echo{again}")
            target = landing / table.name / f"{day + timedelta(days=again)}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(shifted, target)
        written[table.name] = rows.num_rows
    return written


def _shortened(rows: pa.Table) -> pa.Table:
    seconds = pc.multiply(rows["watch_seconds"], np.float32(SHARE_REPORTED))
    rows = _with(rows, "watch_seconds", seconds.cast(pa.float32()))
    return _with(rows, "long_view", pa.nulls(rows.num_rows, pa.bool_()))


def _shifted(rows: pa.Table, by: timedelta, suffix: str) -> pa.Table:
    for name in ("event_time", "received_at"):
        rows = _with(rows, name, pc.add(rows[name], pa.scalar(by, pa.duration("us"))))
    for name in ("request_id", "event_id"):
        if name in rows.column_names:
            rows = _with(rows, name, pc.binary_join_element_wise(rows[name], pa.scalar(suffix), ""))
    return rows


def _with(rows: pa.Table, name: str, values: Any) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(name), name, values)
