"""A jump of units, such as seconds that become milliseconds: a column's median in a batch against that before."""

import numpy as np
import pyarrow as pa

from infra.lake import Lake, opened
from validation.batches.checks import Check
from validation.batches.chosen import Chosen
from validation.contract import Column, Table
from validation.definition import UnitJumpLimits

NUMBERS = ("int32", "int64", "float32", "float64")


def jumps(lake: Lake, table: Table, rows: pa.Table | Chosen) -> tuple[Check, ...]:
    """A warning for each numeric column whose median is far from that of the newest accepted rows."""
    limits = table.limits.unit_jump
    columns = [c for c in table.columns if c.dtype in NUMBERS and _median(rows[c.name], limits) is not None]
    before = _newest(lake, table, columns) if columns else None
    checks = (_jump(column, rows, before, limits) for column in columns) if before is not None else ()
    return tuple(check for check in checks if check is not None)


def _jump(column: Column, rows: pa.Table | Chosen, before: pa.Table, limits: UnitJumpLimits) -> Check | None:
    now, then = _median(rows[column.name], limits), _median(before[column.name], limits)
    if now is None or then is None or 1 / limits.times < now / then < limits.times:
        return None
    asked = f"the median of `{column.name}` is within {limits.times:g} times that of earlier batches, {then:,.4g}"
    return Check(f"{column.name}.unit", "warning", asked, False, 0, f"{now:,.4g}, {_times(now / then)}: another unit?")


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} times as much" if ratio > 1 else f"{1 / ratio:,.0f} times less"


def _newest(lake: Lake, table: Table, columns: list[Column]) -> pa.Table | None:
    schema = pa.schema([table.schema.field(c.name) for c in columns])
    limits, files = table.limits.unit_jump, lake.files(f"tables/{table.name}")
    parts = [opened([file], schema).head(limits.rows_of_file) for file in files[-limits.newest_files :]]
    return pa.concat_tables(parts) if parts else None


def _median(values: pa.ChunkedArray, limits: UnitJumpLimits) -> float | None:
    """The median size of the values that are not 0; None where there are too few."""
    sizes = np.abs(values.drop_null().cast(pa.float64()).to_numpy())
    sizes = sizes[sizes > 0]
    return float(np.median(sizes)) if len(sizes) >= limits.min_values else None
