"""Seconds since the start of a simulated world as the moments that its rows bear."""

from datetime import datetime

import numpy as np
import pyarrow as pa

from infra.arrays import Float64s
from orchestration.sources.kit.chance import generator
from validation.contract import Table

DAY = 86_400.0
MOMENT = pa.timestamp("us", tz="UTC")


def moments(start: datetime, seconds: Float64s) -> pa.Array:
    """Moments so many seconds after the start, which is in UTC; NaN becomes null."""
    unknown = np.isnan(seconds)
    micros = np.where(unknown, 0.0, seconds * 1e6).astype("timedelta64[us]")
    begin = np.datetime64(start.replace(tzinfo=None), "us")
    return pa.array(begin + micros, mask=unknown).cast(MOMENT)


def rows_of(
    table: Table, start: datetime, at: Float64s, seed: int, travels: float = 40.0, **columns: object
) -> pa.Table:
    """Rows of a table that happened `at` seconds after the start, each received a little later.

    How long they travel is lognormal, with a median of so many seconds.
    """
    waits = travels * np.exp(generator(seed, f"travel of {table.name}").normal(0, 0.8, len(at)))
    times = {table.event_time: moments(start, at), table.received_time: moments(start, at + waits)}
    return pa.table({**columns, **times}, schema=table.schema)
