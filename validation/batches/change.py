"""A change: all that one batch does to the lake, there whole once its line stands in the ledger, or not at all.

An intent is written first. New files are drafted where no reader looks. The line is the moment that counts: whoever
next holds the table finishes what has a line, and takes back what has none. So a process may be killed between any two
steps.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
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
"""Rows, made some at a time when they are written: a million of them are never held at once."""


@dataclass
class Change:
    """What a batch of one table does; made by `changing`, which holds the table."""

    lake: Lake
    table: str
    _added: list[tuple[str, date, str, RowReader]] = field(default_factory=list)
    _replaced: dict[tuple[str, date], pa.Table] = field(default_factory=dict)

    def add(self, name: str, day: date, part: str, rows: RowReader) -> None:
        """Rows to add to a day of a table, as that part."""
        self._added.append((name, day, part, rows))

    def replace(self, name: str, days: Mapping[date, pa.Table]) -> None:
        """What days of a table are to hold instead; no rows, no day."""
        self._replaced |= {(name, day): rows for day, rows in days.items()}

    def commit(self, line: Ledger) -> None:
        """Do all of it, and write the line."""
        mark = uuid.uuid4().hex
        drafts = {self._draft(name, day, part): (self._place(name, day, part), rows)
                  for name, day, part, rows in self._added}  # fmt: skip
        kept = {key: self.lake.draft(*key) if len(rows) else None for key, rows in self._replaced.items()}
        moves = {self._told(draft): self._told(place) for draft, (place, _) in drafts.items()}
        moves |= {self._told(path): self._told(path) for path in kept.values() if path}
        intents.write(self.lake, self.table, Intent(ledgers.part_of(line, mark), moves, self._days(kept)))
        reached("change.intended")
        try:
            for draft, (_, rows) in drafts.items():
                draft.parent.mkdir(parents=True, exist_ok=True)
                _write(draft, rows())
                reached("change.drafted")
            for key, path in kept.items():
                if path:
                    pq.write_table(self._replaced[key], path, coerce_timestamps="us")
                    reached("change.drafted")
            ledgers.write(self.lake, line, mark)
            reached("change.committed")
        finally:
            intents.settle(self.lake, self.table)

    def _days(self, kept: Mapping[tuple[str, date], Path | None]) -> dict[str, dict[date, list[str]]]:
        """The lists of all days that are replaced, and of those that are added to and have one."""
        days: dict[str, dict[date, list[str]]] = {}
        for (name, day), path in kept.items():
            days.setdefault(name, {})[day] = [path.name] if path else []
        for name, day, part, _ in self._added:
            there = live_files.listed(self.lake.path(name)).get(f"day={day}")
            if there is not None or day in days.get(name, {}):
                days.setdefault(name, {}).setdefault(day, list(there or [])).append(self._place(name, day, part).name)
        return days

    def _place(self, name: str, day: date, part: str) -> Path:
        return self.lake.path(name, day) / f"part-{part}.parquet"

    def _draft(self, name: str, day: date, part: str) -> Path:
        return self.lake.path(name, day) / f".part-{part}.parquet"

    def _told(self, path: Path) -> str:
        return path.relative_to(self.lake.root).as_posix()


def _write(draft: Path, rows: Iterable[pa.Table]) -> None:
    """Write tables of one schema, of which there is at least one, behind each other."""
    parts = iter(rows)
    first = next(parts)
    with pq.ParquetWriter(draft, first.schema, coerce_timestamps="us") as file:
        for part in chain([first], parts):
            file.write_table(part)


@contextmanager
def changing(lake: Lake, table: str) -> Iterator[Change]:
    """Hold a table to change it; what an earlier process left half done is finished, or taken back, first."""
    with lake.locked(table):
        intents.settle(lake, table)
        yield Change(lake, table)
