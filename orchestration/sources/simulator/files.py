"""Landing files appear under their name once they are whole; nothing to write, no file."""

import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def write_parquet(target: Path, rows: pa.Table) -> int:
    """Write rows as Parquet; returns the number of files."""
    if not rows.num_rows:
        return 0
    pq.write_table(rows, _draft(target), coerce_timestamps="us")
    os.replace(_draft(target), target)
    return 1


def write_lines(target: Path, lines: Sequence[bytes]) -> int:
    """Write lines of JSON; returns the number of files."""
    if not lines:
        return 0
    _draft(target).write_bytes(b"\n".join(lines) + b"\n")
    os.replace(_draft(target), target)
    return 1


def _draft(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(f"{target.name}.open")
