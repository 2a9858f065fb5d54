"""The lake: tables as Parquet, one folder a day; what is replaced is replaced whole, however many days it has."""

import contextlib
import fnmatch
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from infra import live_files
from infra.atomic import atomic_write
from infra.errors import Unavailable
from infra.failpoint import reached
from infra.settings import WRITER_WAIT_S
from infra.stored_types import must_not_overflow, told
from infra.writer_lock import held

AT_ONCE = 16_384  # rows that are read together where not all are
TRIES = 3  # a reader that lost a file to a replacement looks again


class Lake:
    """Tables below one root. `name` may have parts, such as `states/user`.

    A day's folder is `root/name/day=2026-05-03`; which of its files are live, live_files.py tells. Days of a delivered
    table are days of *receipt*: a closed day never changes, whatever arrives late. Who has to wait for another writer
    gives up after `wait_s` seconds.
    """

    def __init__(self, root: Path, wait_s: float = WRITER_WAIT_S) -> None:
        self.root, self.wait_s = root, wait_s

    def path(self, name: str, day: date | None = None) -> Path:
        """The folder of a table, or of one of its days."""
        return self.root / name / _folder(day) if day else self.root / name

    def append(self, name: str, day: date, rows: pa.Table, part: str | None = None) -> Path:
        """Add a file to a day; a file of the same `part` is written over, so that a half-done job can be done again."""
        target = self.path(name, day) / f"part-{part or uuid.uuid4().hex}.parquet"
        if _folder(day) not in live_files.listed(self.path(name)):
            _write(rows, target)
            return target
        with self._switching(name):
            _write(rows, target)
            days = live_files.listed(self.path(name))
            names = days.get(_folder(day), [])
            live_files.switch(
                self.path(name), days | {_folder(day): [*(n for n in names if n != target.name), target.name]}
            )
        return target

    def replace(self, name: str, day: date, rows: pa.Table) -> None:
        """Write a day anew: readers see the old rows or the new ones."""
        self.replace_days(name, [(day, rows)])

    def replace_days(self, name: str, days: Iterable[tuple[date, pa.Table]], only: bool = False) -> None:
        """Write days anew, all of them in one step; with `only` the table has no other days from then on."""
        with self.locked(f"{name} replaced"):
            drafts: dict[date, list[Path]] = {}
            for day, rows in days:
                drafts[day] = [self.draft(name, day)]
                pq.write_table(rows, drafts[day][0], coerce_timestamps="us")
                reached("lake.drafted")
            self.switch(name, drafts, only)

    def draft(self, name: str, day: date) -> Path:
        """Where to write a file of a day that is going to be replaced: it is not live before a switch names it."""
        target = self.path(name, day) / f"whole-{uuid.uuid4().hex}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def switch(self, name: str, files: Mapping[date, Sequence[Path]], only: bool = False) -> None:
        """Let these files, and no others, be the days that they stand for: in one step, whatever stood there before."""
        lost = [path for paths in files.values() for path in paths if not path.exists()]
        if lost:
            raise Unavailable(f"{name}: {lost[0]} was drafted and is gone: another process replaced the same days.")
        with self._switching(name):
            days = live_files.listed(self.path(name))
            days |= {_folder(day): [path.name for path in paths] for day, paths in files.items()}
            if only:
                others = [f.name for f in live_files.day_folders(self.path(name)) if f.name not in map(_folder, files)]
                days |= {other: [] for other in others}
            live_files.switch(self.path(name), days)
            reached("lake.switched")
            changed = set(days) if only else set(map(_folder, files))
            self._sweep(name, days, changed)

    def _sweep(self, name: str, days: live_files.FilesByDay, changed: Iterable[str]) -> None:
        """Remove what is live no longer, and from the list the days of which nothing is left."""
        for each in changed:
            folder = self.path(name) / each
            for path in folder.iterdir() if folder.is_dir() else ():
                if path.name not in days[each]:
                    path.unlink()
                    reached("lake.swept")
            with contextlib.suppress(OSError):  # it holds something
                folder.rmdir()
        kept = {day: names for day, names in days.items() if names or (self.path(name) / day).exists()}
        if kept != days:
            live_files.switch(self.path(name), kept)

    def days(self, name: str) -> list[date]:
        """The days a table has, in order."""
        folder = self.path(name)
        found = live_files.looked(
            folder, lambda days: [f for f in live_files.day_folders(folder) if live_files.any_of_day(f, days)]
        )
        return [date.fromisoformat(each.name.removeprefix("day=")) for each in found]

    def files(self, name: str, days: Iterable[date] | None = None) -> list[Path]:
        """The live files of a table, of all days or of those named, in order."""
        wanted = None if days is None else {_folder(day) for day in days}

        def look(there: live_files.FilesByDay) -> list[Path]:
            folders = [f for f in live_files.day_folders(self.path(name)) if wanted is None or f.name in wanted]
            return [path for folder in folders for path in live_files.of_day(folder, there)]

        return live_files.looked(self.path(name), look)

    def places(self, name: str, days: Iterable[date]) -> list[Path]:
        """The same for a reader of folders: the folder of a day that was only ever added to, else the files of it."""
        wanted = {_folder(day) for day in days}

        def look(there: live_files.FilesByDay) -> list[Path]:
            folders = [
                f
                for f in live_files.day_folders(self.path(name))
                if f.name in wanted and live_files.any_of_day(f, there)
            ]
            return [place for f in folders for place in (live_files.of_day(f, there) if f.name in there else [f])]

        return live_files.looked(self.path(name), look)

    def read(
        self,
        name: str,
        days: Iterable[date] | None = None,
        columns: Sequence[str] | None = None,
        where: ds.Expression | None = None,
        schema: pa.Schema | None = None,
    ) -> pa.Table:
        """The rows of a table, of all days or of those named; an absent table has no rows and no columns.

        schema  the table's columns as its definition has them now: what was written before one was added is null there,
                and what was written before one was widened is wide. Without it the files' own columns are put together.
        """
        wanted = None if days is None else set(days)
        for left in reversed(range(TRIES)):
            files = self.files(name, wanted)
            if not files:
                return pa.table({})
            try:
                with told(files, schema):
                    rows = opened(files, schema).to_table(columns=list(columns) if columns else None, filter=where)
                must_not_overflow(rows, files, schema)
                return rows
            except FileNotFoundError:
                if not left:
                    raise
        raise AssertionError("the last try returns or raises")

    def parts(self, name: str, part: str) -> list[Path]:
        """The live files, of any day, that were written as that part (`*` stands for anything)."""
        if part == "*":
            return self.files(name)

        def look(there: live_files.FilesByDay) -> list[Path]:
            folders = {
                folder: live_files.names_of_day(folder, there) for folder in live_files.day_folders(self.path(name))
            }
            wanted = f"part-{part}.parquet"
            return [f / each for f, names in folders.items() for each in sorted(fnmatch.filter(names, wanted))]

        return live_files.looked(self.path(name), look)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold a table for oneself; another process that asks for it waits, and says for whom."""
        with held(self.root / ".locks" / f"{name.replace('/', '-')}.lock", name, self.wait_s):
            yield

    @contextmanager
    def _switching(self, name: str) -> Iterator[None]:
        with self.locked(f"{name} list"):
            yield

    def drop(self, name: str, day: date) -> None:
        """Remove a day of a table."""
        if self.path(name, day).exists():
            self.switch(name, {day: []})
            shutil.rmtree(self.path(name, day), ignore_errors=True)


def _write(rows: pa.Table, target: Path) -> None:
    with atomic_write(target) as draft:
        pq.write_table(rows, draft, coerce_timestamps="us")


def opened(files: Sequence[Path], schema: pa.Schema | None = None) -> ds.Dataset:
    """Parquet files as one dataset, in the columns of `schema`, else in all that any of them has."""
    return ds.dataset([str(path) for path in files], schema=schema or united(files), format="parquet")


def in_parts(
    files: Sequence[Path], schema: pa.Schema, columns: Sequence[str], where: ds.Expression | None = None
) -> Iterator[pa.RecordBatch]:
    """These columns of files, some rows at a time: what a dataset reads ahead by default takes 100 MiB."""
    ahead = {"use_threads": False, "batch_readahead": 0, "fragment_readahead": 0}
    little = ds.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)
    with told(files, schema):
        scanner = opened(files, schema).scanner(
            columns=list(columns), filter=where, batch_size=AT_ONCE, fragment_scan_options=little, **ahead
        )
        for rows in scanner.to_batches():
            must_not_overflow(rows, files, schema)
            yield rows


def united(files: Sequence[Path]) -> pa.Schema:
    """The columns that any of these files has, each as wide as in the widest."""
    schemas = [pq.read_schema(path) for path in files]
    same = all(schema.equals(schemas[0]) for schema in schemas)
    with told(files, None):
        return schemas[0] if same else pa.unify_schemas(schemas, promote_options="permissive")


def days_from(first: date, last: date) -> list[date]:
    """Every day from the first to the last, both included."""
    return [first + timedelta(days=i) for i in range((last - first).days + 1)]


def _folder(day: date) -> str:
    return f"day={day.isoformat()}"
