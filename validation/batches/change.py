"""A change: all that one batch does to the lake. Either all of it takes effect or nothing.

An intent is written first. New files are drafted under names that no reader opens. Writing the ledger line commits the
change: the next process that locks the table finishes a change that has its line, and removes one that has not. So a
process may be killed between any two steps.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from infra import live_files
from infra.failpoint import reached
from infra.lake import Lake
from validation.batches import intents
from validation.batches import ledger as ledgers
from validation.batches.intents import Intent
from validation.batches.ledger import Ledger

RowReader = Callable[[], Iterable[pa.Table]]
"""Makes the rows in parts while they are written, so that a million rows are never in memory together."""


@dataclass
class Change:
    """What a batch of one table does; made by `changing`, which locks the table."""

    lake: Lake
    table: str
    _added: list[tuple[str, date, str, RowReader]] = field(default_factory=list)
    _replaced: dict[tuple[str, date], RowReader | None] = field(default_factory=dict)

    def add(self, name: str, day: date, part: str, rows: RowReader) -> None:
        """Rows to add to a day of a table, as that part."""
        self._added.append((name, day, part, rows))

    def replace(self, name: str, days: Mapping[date, pa.Table]) -> None:
        """Rows that replace days of a table; a day without rows is removed."""
        self._replaced |= {(name, day): partial(_all_of, rows) if len(rows) else None for day, rows in days.items()}

    def rewrite(self, name: str, day: date, rows: RowReader | None) -> None:
        """The same for one day whose rows are read in parts; None removes the day."""
        self._replaced[name, day] = rows

    def commit(self, line: Ledger) -> None:
        """Write the intent, the drafts and the line, then move the drafts to their places."""
        mark = uuid.uuid4().hex
        drafts = {self._draft(name, day, part): (self._place(name, day, part), rows)
                  for name, day, part, rows in self._added}  # fmt: skip
        replacements = {key: self.lake.draft(*key) if rows else None for key, rows in self._replaced.items()}
        moves = {self._below_root(draft): self._below_root(place) for draft, (place, _) in drafts.items()}
        moves |= {self._below_root(path): self._below_root(path) for path in replacements.values() if path}
        intents.write(self.lake, self.table, Intent(ledgers.part_of(line, mark), moves, self._days(replacements)))
        reached("change.intended")
        try:
            for draft, (_, rows) in drafts.items():
                draft.parent.mkdir(parents=True, exist_ok=True)
                _write(draft, rows())
                reached("change.drafted")
            for key, path in replacements.items():
                remaining = self._replaced[key]
                if path and remaining:
                    _write(path, remaining())
                    reached("change.drafted")
            ledgers.write(self.lake, line, mark)
            reached("change.committed")
        finally:
            intents.settle(self.lake, self.table)

    def _days(self, replacements: Mapping[tuple[str, date], Path | None]) -> dict[str, dict[date, list[str]]]:
        """Table → day → its files afterwards: days that are replaced, and days with a file list that are added to."""
        days: dict[str, dict[date, list[str]]] = {}
        for (name, day), path in replacements.items():
            days.setdefault(name, {})[day] = [path.name] if path else []
        for name, day, part, _ in self._added:
            listed = live_files.listed(self.lake.path(name)).get(f"day={day}")
            if listed is not None or day in days.get(name, {}):
                files = days.setdefault(name, {}).setdefault(day, list(listed or []))
                files.append(self._place(name, day, part).name)
        return days

    def _place(self, name: str, day: date, part: str) -> Path:
        return self.lake.path(name, day) / f"part-{part}.parquet"

    def _draft(self, name: str, day: date, part: str) -> Path:
        return self.lake.path(name, day) / f".part-{part}.parquet"

    def _below_root(self, path: Path) -> str:
        return path.relative_to(self.lake.root).as_posix()


def _all_of(rows: pa.Table) -> list[pa.Table]:
    return [rows]


def _write(draft: Path, rows: Iterable[pa.Table]) -> None:
    """Write one or more tables of one schema, in order."""
    parts = iter(rows)
    first = next(parts)
    with pq.ParquetWriter(draft, first.schema, coerce_timestamps="us") as file:
        for part in chain([first], parts):
            file.write_table(part)


@contextmanager
def changing(lake: Lake, table: str) -> Iterator[Change]:
    """Lock a table to change it; a change that an earlier process left unfinished is finished or removed first."""
    with lake.locked(table):
        intents.settle(lake, table)
        yield Change(lake, table)
