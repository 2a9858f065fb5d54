"""The lake: tables as Parquet, one folder a day, every file written whole or not at all."""

import fcntl
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from validation.whole import whole


class Lake:
    """Tables below one root. `name` may have parts, such as `states/user`.

    A day's folder is `root/name/day=2026-05-03`. Days of a delivered table are days of *receipt*: a closed day never
    changes, whatever arrives late.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str, day: date | None = None) -> Path:
        """The folder of a table, or of one of its days."""
        return self.root / name / f"day={day.isoformat()}" if day else self.root / name

    def append(self, name: str, day: date, rows: pa.Table, part: str | None = None) -> Path:
        """Add a file to a day; a file of the same `part` is written over, so that a half-done job can be done again."""
        target = self.path(name, day) / f"part-{part or uuid.uuid4().hex}.parquet"
        with whole(target) as draft:
            pq.write_table(rows, draft, coerce_timestamps="us")
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
        self,
        name: str,
        days: Iterable[date] | None = None,
        columns: Sequence[str] | None = None,
        where: ds.Expression | None = None,
    ) -> pa.Table:
        """The rows of a table, of all days or of those named; an absent table has no rows and no columns."""
        wanted = self.days(name) if days is None else [d for d in self.days(name) if d in set(days)]
        files = [str(p) for d in wanted for p in sorted(self.path(name, d).glob("part-*.parquet"))]
        if not files:
            return pa.table({})
        return ds.dataset(files, format="parquet").to_table(columns=list(columns) if columns else None, filter=where)

    def parts(self, name: str, part: str) -> list[Path]:
        """The files, of any day, that were written as that part (`*` stands for anything)."""
        return sorted(self.path(name).glob(f"day=*/part-{part}.parquet"))

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold a table for oneself; another process that asks for it waits."""
        lock = self.root / ".locks" / f"{name.replace('/', '-')}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # released with the file, also when the process dies
            yield

    def drop(self, name: str, day: date | None = None) -> None:
        """Remove a table or one of its days."""
        shutil.rmtree(self.path(name, day), ignore_errors=True)


def days_from(first: date, last: date) -> list[date]:
    """Every day from the first to the last, both included."""
    return [first + timedelta(days=i) for i in range((last - first).days + 1)]
