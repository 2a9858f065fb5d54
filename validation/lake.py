"""The lake: tables as Parquet, one folder a day, every file written whole or not at all."""

import os
import shutil
import uuid
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq


class Lake:
    """Tables below one root. `name` may have parts, such as `states/user`.

    A day's folder is `root/name/day=2026-05-03`. Days of the four event tables are days of *receipt*: a closed day never
    changes, whatever arrives late.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str, day: date | None = None) -> Path:
        """The folder of a table, or of one of its days."""
        return self.root / name / f"day={day.isoformat()}" if day else self.root / name

    def append(self, name: str, day: date, rows: pa.Table) -> Path:
        """Add a file to a day."""
        folder = self.path(name, day)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"part-{uuid.uuid4().hex}.parquet"
        draft = target.with_name(f".{target.name}")
        pq.write_table(rows, draft, coerce_timestamps="us")
        os.replace(draft, target)
        return target

    def replace(self, name: str, day: date, rows: pa.Table) -> Path:
        """Write a day anew: readers see the old rows or the new ones."""
        folder = self.path(name, day)
        old = list(folder.glob("part-*.parquet")) if folder.exists() else []
        target = self.append(name, day, rows)
        for path in old:
            path.unlink()
        return target

    def days(self, name: str) -> list[date]:
        """The days a table has, in order."""
        folders = self.path(name).glob("day=*")
        return sorted(date.fromisoformat(f.name.removeprefix("day=")) for f in folders if any(f.glob("*.parquet")))

    def read(
        self, name: str, days: Iterable[date] | None = None, columns: Sequence[str] | None = None,
        where: ds.Expression | None = None,
    ) -> pa.Table:
        """The rows of a table, of all days or of those named; an absent table has no rows and no columns."""
        wanted = self.days(name) if days is None else [d for d in self.days(name) if d in set(days)]
        files = [str(p) for d in wanted for p in sorted(self.path(name, d).glob("part-*.parquet"))]
        if not files:
            return pa.table({})
        return ds.dataset(files, format="parquet").to_table(columns=list(columns) if columns else None, filter=where)

    def drop(self, name: str, day: date | None = None) -> None:
        """Remove a table or one of its days."""
        shutil.rmtree(self.path(name, day), ignore_errors=True)


def days_between(first: datetime, last: datetime) -> list[date]:
    """Every day touched by [first, last)."""
    end = (last - timedelta(microseconds=1)).date()
    return [first.date() + timedelta(days=i) for i in range((end - first.date()).days + 1)]
