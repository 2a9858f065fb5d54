"""A jump of units, such as seconds that become milliseconds: a batch's middle value against those before."""

import numpy as np
import pyarrow as pa

from infra.lake import Lake, opened
from validation.batches.checks import Check
from validation.batches.chosen import Chosen
from validation.contract import Column, Table

FILES, ROWS = 20, 5_000  # how much of what was accepted last is looked at, however long the history
FEWEST = 20  # values; of fewer nobody can tell
JUMP = 30.0  # ×60 and ×1000 are units; from day to day the middle of real values moves less
NUMBERS = ("int32", "int64", "float32", "float64")


def jumps(lake: Lake, table: Table, rows: pa.Table | Chosen) -> tuple[Check, ...]:
    """A warning for each numeric column whose middle value is far from that of the newest accepted rows."""
    columns = [c for c in table.columns if c.dtype in NUMBERS and _middle(rows[c.name]) is not None]
    before = _newest(lake, table, columns) if columns else None
    found = (_jump(column, rows, before) for column in columns) if before is not None else ()
    return tuple(check for check in found if check is not None)


def _jump(column: Column, rows: pa.Table | Chosen, before: pa.Table) -> Check | None:
    now, then = _middle(rows[column.name]), _middle(before[column.name])
    if now is None or then is None or 1 / JUMP < now / then < JUMP:
        return None
    asked = f"the middle value of `{column.name}` is within {JUMP:g} times that of the batches before, {then:,.4g}"
    return Check(f"{column.name}.unit", "warning", asked, False, 0, f"{now:,.4g}, {_times(now / then)}: another unit?")


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} times as much" if ratio > 1 else f"{1 / ratio:,.0f} times less"


def _newest(lake: Lake, table: Table, columns: list[Column]) -> pa.Table | None:
    schema = pa.schema([table.schema.field(c.name) for c in columns])
    parts = [opened([f], schema).head(ROWS) for f in lake.files(f"tables/{table.name}")[-FILES:]]
    return pa.concat_tables(parts) if parts else None


def _middle(values: pa.ChunkedArray) -> float | None:
    """The median size of the values that are not 0; None of too few."""
    sizes = np.abs(values.drop_null().cast(pa.float64()).to_numpy())
    sizes = sizes[sizes > 0]
    return float(np.median(sizes)) if len(sizes) >= FEWEST else None
