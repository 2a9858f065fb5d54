"""The accepted rows of a table in the lake, looked up by the identity of rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from infra.arrays import Bools
from infra.lake import Lake, in_parts
from validation.batches.digests import SoughtRows
from validation.contract import Table

FEW = 20_000  # rows: for more of them reading every identity in the lake costs less than a filter by value


@dataclass
class AcceptedRows:
    """The accepted rows of a table; `matched_files` are the files that hold a row that was looked up."""

    lake: Lake
    table: Table
    matched_files: set[Path] = field(default_factory=set)

    def are_accepted(self, rows: pa.Table) -> Bools:
        """(rows,) whether a row of the same identity is in the lake; reads only the columns of the identity."""
        accepted, identity = np.zeros(rows.num_rows, dtype=bool), self.table.identity
        files = self.lake.files(f"tables/{self.table.name}") if rows.num_rows else []
        sought = SoughtRows.of(rows, identity)
        same_first = ds.field(identity[0]).isin(pc.unique(rows[identity[0]])) if rows.num_rows <= FEW else None
        for file in files:
            for part in self.parts(file, identity, same_first):
                places, _ = sought.matches(part)
                accepted[places] = True
                if len(places):
                    self.matched_files.add(file)
        return accepted

    def parts(self, file: Path, columns: Sequence[str], where: ds.Expression | None = None) -> Iterator[pa.Table]:
        """These columns of one file's rows, in parts of a few thousand rows."""
        yield from (pa.table(batch) for batch in in_parts([file], self.table.schema, columns, where))

    def row(self, identity: dict[str, object]) -> dict[str, object] | None:
        """The accepted row of this identity, read from the matched files; None when they have none."""
        where = pc.scalar(True)
        for name, value in identity.items():
            where &= ds.field(name) == pa.scalar(value, self.table.schema.field(name).type)
        for file in sorted(self.matched_files):
            for part in self.parts(file, self.table.schema.names, where):
                if part.num_rows:
                    row: dict[str, object] = part.to_pylist()[0]
                    return row
        return None
