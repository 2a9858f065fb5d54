"""A selection of a table's rows that copies nothing: a copy of a million rows doubles the memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from infra.arrays import Bools

AT_ONCE = 65_536  # rows that are copied at one time


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows of a table where `wanted` is true, in their order; cast to `schema` where there is one."""

    rows: pa.Table
    wanted: Bools
    schema: pa.Schema | None = None

    def __len__(self) -> int:
        return int(self.wanted.sum())

    def __getitem__(self, column: str) -> pa.ChunkedArray:
        """One column of the chosen rows."""
        return self.rows[column] if self.wanted.all() else self.rows[column].filter(pa.array(self.wanted))

    def only(self, wanted: Bools) -> "Chosen":
        """Those of the chosen rows where `wanted` is true, too."""
        return Chosen(self.rows, self.wanted & wanted, self.schema)

    def parts(self) -> Iterator[pa.Table]:
        """The chosen rows in parts; no part is empty."""
        for start in range(0, len(self.wanted), AT_ONCE):
            wanted = self.wanted[start : start + AT_ONCE]
            if wanted.any():
                yield self._typed(those(self.rows.slice(start, AT_ONCE), wanted))

    def table(self) -> pa.Table:
        """The chosen rows as one table."""
        return self._typed(those(self.rows, self.wanted))

    def _typed(self, rows: pa.Table) -> pa.Table:
        return rows if self.schema is None else rows.cast(self.schema)


def those(rows: pa.Table, wanted: Bools) -> pa.Table:
    """The rows where `wanted` is true; the same table where all are."""
    return rows if wanted.all() else rows.filter(pa.array(wanted))
