"""The lake: tables as Parquet, one folder a day; any number of days is replaced in one step."""

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
from infra.stored_types import must_not_overflow, naming_the_column
from infra.writer_lock import exclusive

AT_ONCE = 16_384  # rows of a batch where a file is read in parts
TRIES = 3  # a reader whose file was removed by a replacement lists the files again


class Lake:
    """Tables below one root. `name` may have parts, such as `states/user`.

    A day's folder is `root/name/day=2026-05-03`; live_files.py says which of its files are live. Days of a delivered
    table are days of *receipt*: a closed day never changes, whatever arrives late. A process waits up to `wait_s`
    seconds for another writer.
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
        """Make these files, and no others, the live files of their days, in one step."""
        missing = [path for paths in files.values() for path in paths if not path.exists()]
        if missing:
            raise Unavailable(f"{name}: {missing[0]} was drafted and is gone: another process replaced the same days.")
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
        """Remove the files that are not live any more, and the days without files from the list."""
        for folder_name in changed:
            folder = self.path(name) / folder_name
            for path in folder.iterdir() if folder.is_dir() else ():
                if path.name not in days[folder_name]:
                    path.unlink()
                    reached("lake.swept")
            with contextlib.suppress(OSError):  # it holds something
                folder.rmdir()
        remaining = {day: names for day, names in days.items() if names or (self.path(name) / day).exists()}
        if remaining != days:
            live_files.switch(self.path(name), remaining)

    def days(self, name: str) -> list[date]:
        """The days a table has, in order."""
        folder = self.path(name)
        folders = live_files.read_consistently(
            folder, lambda days: [f for f in live_files.day_folders(folder) if live_files.any_of_day(f, days)]
        )
        return [date.fromisoformat(day_folder.name.removeprefix("day=")) for day_folder in folders]

    def files(self, name: str, days: Iterable[date] | None = None) -> list[Path]:
        """The live files of a table, of all days or of those named, in order."""
        folder_names = None if days is None else {_folder(day) for day in days}

        def look(files_by_day: live_files.FilesByDay) -> list[Path]:
            folders = [
                f for f in live_files.day_folders(self.path(name)) if folder_names is None or f.name in folder_names
            ]
            return [path for folder in folders for path in live_files.of_day(folder, files_by_day)]

        return live_files.read_consistently(self.path(name), look)

    def places(self, name: str, days: Iterable[date]) -> list[Path]:
        """The same for a reader of folders: the folder of a day whose files are all live, else its live files."""
        folder_names = {_folder(day) for day in days}

        def look(files_by_day: live_files.FilesByDay) -> list[Path]:
            folders = [
                f
                for f in live_files.day_folders(self.path(name))
                if f.name in folder_names and live_files.any_of_day(f, files_by_day)
            ]
            return [
                place
                for f in folders
                for place in (live_files.of_day(f, files_by_day) if f.name in files_by_day else [f])
            ]

        return live_files.read_consistently(self.path(name), look)

    def read(
        self,
        name: str,
        days: Iterable[date] | None = None,
        columns: Sequence[str] | None = None,
        where: ds.Expression | None = None,
        schema: pa.Schema | None = None,
    ) -> pa.Table:
        """The rows of a table, of all days or of those named; an absent table has no rows and no columns.

        schema  the table's columns by its definition: a column that a file lacks is null, a narrower type is widened.
                Without it the result has all columns of all files.
        """
        days_to_read = None if days is None else set(days)
        for tries_left in reversed(range(TRIES)):
            files = self.files(name, days_to_read)
            if not files:
                return pa.table({})
            try:
                with naming_the_column(files, schema):
                    rows = opened(files, schema).to_table(columns=list(columns) if columns else None, filter=where)
                must_not_overflow(rows, files, schema)
                return rows
            except FileNotFoundError:
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    def parts(self, name: str, part: str) -> list[Path]:
        """The live files, of any day, that were written as that part (`*` stands for anything)."""
        if part == "*":
            return self.files(name)

        def look(files_by_day: live_files.FilesByDay) -> list[Path]:
            folders = {
                folder: live_files.names_of_day(folder, files_by_day)
                for folder in live_files.day_folders(self.path(name))
            }
            pattern = f"part-{part}.parquet"
            return [
                f / file_name for f, names in folders.items() for file_name in sorted(fnmatch.filter(names, pattern))
            ]

        return live_files.read_consistently(self.path(name), look)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Lock a table while the block runs; another process that wants it waits, and says for which process."""
        with exclusive(self.root / ".locks" / f"{name.replace('/', '-')}.lock", name, self.wait_s):
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
    """These columns of files, some rows at a time; without reading ahead, which takes 100 MiB by default."""
    no_readahead = {"use_threads": False, "batch_readahead": 0, "fragment_readahead": 0}
    low_memory = ds.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)
    with naming_the_column(files, schema):
        scanner = opened(files, schema).scanner(
            columns=list(columns), filter=where, batch_size=AT_ONCE, fragment_scan_options=low_memory, **no_readahead
        )
        for rows in scanner.to_batches():
            must_not_overflow(rows, files, schema)
            yield rows


def united(files: Sequence[Path]) -> pa.Schema:
    """The columns that any of these files has, each as wide as in the widest."""
    schemas = [pq.read_schema(path) for path in files]
    same = all(schema.equals(schemas[0]) for schema in schemas)
    with naming_the_column(files, None):
        return schemas[0] if same else pa.unify_schemas(schemas, promote_options="permissive")


def days_from(first: date, last: date) -> list[date]:
    """Every day from the first to the last, both included."""
    return [first + timedelta(days=i) for i in range((last - first).days + 1)]


def _folder(day: date) -> str:
    return f"day={day.isoformat()}"
