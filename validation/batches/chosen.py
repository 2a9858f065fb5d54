"""Some rows of a table without a copy of them: a copy of a million rows takes as much room again."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from infra.arrays import Bools

AT_ONCE = 65_536  # rows that are copied at one time


@dataclass(frozen=True, slots=True)
class Chosen:
    """Those rows of a table that are wanted, in their order; with a schema, as rows of that one."""

    rows: pa.Table
    wanted: Bools
    schema: pa.Schema | None = None

    def __len__(self) -> int:
        return int(self.wanted.sum())

    def __getitem__(self, column: str) -> pa.ChunkedArray:
        """One column of them."""
        return self.rows[column] if self.wanted.all() else self.rows[column].filter(pa.array(self.wanted))

    def only(self, those_too: Bools) -> "Chosen":
        """Those of them that are wanted here, too."""
        return Chosen(self.rows, self.wanted & those_too, self.schema)

    def parts(self) -> Iterator[pa.Table]:
        """All of them, some at a time; nothing where there is none."""
        for start in range(0, len(self.wanted), AT_ONCE):
            some = self.wanted[start : start + AT_ONCE]
            if some.any():
                yield self._typed(those(self.rows.slice(start, AT_ONCE), some))

    def table(self) -> pa.Table:
        """All of them together."""
        return self._typed(those(self.rows, self.wanted))

    def _typed(self, rows: pa.Table) -> pa.Table:
        return rows if self.schema is None else rows.cast(self.schema)


def those(rows: pa.Table, wanted: Bools) -> pa.Table:
    """The rows that are wanted; the same table where all are."""
    return rows if wanted.all() else rows.filter(pa.array(wanted))
