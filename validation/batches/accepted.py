"""What the lake accepted of a table before, asked for by the identity of rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from infra.lake import Lake, opened
from validation.contract import Table

Bools = NDArray[np.bool_]
AT_ONCE = 250_000  # rows that are looked for together: each time all of the table's identities are read
FEW = {"batch_readahead": 2, "fragment_readahead": 1}  # the default holds 100 MiB of a table whose groups are small
PLACE = "__fragment_index"  # Arrow's name for which of the files a row is from


@dataclass
class AcceptedRows:
    """The accepted rows of a table; `met` are the files in which rows that were asked for may be."""

    lake: Lake
    table: Table
    met: set[Path] = field(default_factory=set)

    def known(self, rows: pa.Table) -> Bools:
        """Whether rows of these identities are in the lake; reads only those columns, of rows alike in the first."""
        files = self.lake.files(f"tables/{self.table.name}")
        parts = [self._known(files, rows.slice(start, AT_ONCE)) for start in range(0, rows.num_rows, AT_ONCE) if files]
        return np.concatenate(parts) if parts else np.zeros(rows.num_rows, dtype=bool)

    def _known(self, files: list[Path], rows: pa.Table) -> Bools:
        known, identity = np.zeros(rows.num_rows, dtype=bool), self.table.identity
        wanted = ds.field(identity[0]).isin(pc.unique(rows[identity[0]]))
        past = opened(files, _of(self.table, identity)).to_table(columns=[*identity, PLACE], filter=wanted, **FEW)
        if past.num_rows:
            self.met |= {files[place] for place in pc.unique(past[PLACE]).to_pylist()}
            numbered = rows.select(identity).append_column("row number", pa.array(np.arange(rows.num_rows)))
            met = numbered.join(past.select(identity), list(identity), join_type="left semi")
            known[met["row number"].to_numpy()] = True
        return known

    def identities(self, file: Path) -> Iterator[pa.Table]:
        """The identities of one file's rows, some at a time."""
        wanted = _of(self.table, self.table.identity)
        yield from (pa.Table.from_batches([some]) for some in opened([file], wanted).to_batches())

    def rows(self, file: Path, alike: pa.Table) -> pa.Table:
        """The rows of one file that are alike these in the first column of their identity."""
        first = self.table.identity[0]
        where = ds.field(first).isin(pc.unique(alike[first]))
        return opened([file], self.table.schema).to_table(filter=where, **FEW)

    def row(self, identity: dict[str, object]) -> dict[str, object] | None:
        """One accepted row."""
        where = pc.scalar(True)
        for name, value in identity.items():
            where &= ds.field(name) == pa.scalar(value, self.table.schema.field(name).type)
        for file in sorted(self.met):
            found = opened([file], self.table.schema).to_table(filter=where).to_pylist()
            if found:
                row: dict[str, object] = found[0]
                return row
        return None


def _of(table: Table, names: tuple[str, ...]) -> pa.Schema:
    return pa.schema([table.schema.field(name) for name in names])
