"""Landing files appear under their name once they are whole; nothing to write, no file."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from infra.atomic import atomic_write


def write_parquet(target: Path, rows: pa.Table) -> int:
    """Write rows as Parquet; returns the number of files."""
    if not rows.num_rows:
        return 0
    with atomic_write(target) as draft:
        pq.write_table(rows, draft, coerce_timestamps="us")
    return 1


def write_lines(target: Path, lines: Sequence[bytes]) -> int:
    """Write lines of JSON; returns the number of files."""
    if not lines:
        return 0
    with atomic_write(target) as draft:
        draft.write_bytes(b"\n".join(lines) + b"\n")
    return 1
