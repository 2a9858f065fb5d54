"""What the lake accepted of a table before, asked for by the identity of rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from infra.arrays import Bools
from infra.lake import Lake, in_parts
from validation.batches.digests import Sought
from validation.contract import Table

FEW = 20_000  # rows: of more it costs less to look at all that the lake has than to ask for those alike


@dataclass
class AcceptedRows:
    """The accepted rows of a table; `met` are the files in which rows that were asked for may be."""

    lake: Lake
    table: Table
    met: set[Path] = field(default_factory=set)

    def known(self, rows: pa.Table) -> Bools:
        """Whether rows of these identities are in the lake; reads only those columns."""
        known, identity = np.zeros(rows.num_rows, dtype=bool), self.table.identity
        files = self.lake.files(f"tables/{self.table.name}") if rows.num_rows else []
        sought = Sought.of(rows, identity)
        alike = ds.field(identity[0]).isin(pc.unique(rows[identity[0]])) if rows.num_rows <= FEW else None
        for file in files:
            for some in self.parts(file, identity, alike):
                mine, _ = sought.met(some)
                known[mine] = True
                if len(mine):
                    self.met.add(file)
        return known

    def parts(self, file: Path, columns: Sequence[str], where: ds.Expression | None = None) -> Iterator[pa.Table]:
        """These columns of one file's rows, some at a time."""
        yield from (pa.table(some) for some in in_parts([file], self.table.schema, columns, where))

    def row(self, identity: dict[str, object]) -> dict[str, object] | None:
        """One accepted row."""
        where = pc.scalar(True)
        for name, value in identity.items():
            where &= ds.field(name) == pa.scalar(value, self.table.schema.field(name).type)
        for file in sorted(self.met):
            for some in self.parts(file, self.table.schema.names, where):
                if some.num_rows:
                    row: dict[str, object] = some.to_pylist()[0]
                    return row
        return None
