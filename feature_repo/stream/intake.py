"""What the stream takes in: landed files, and what the lake accepted that no landed file brought."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.dataset as ds
from py4j.protocol import Py4JError, Py4JJavaError

from feature_repo.definition import FeatureSet
from feature_repo.folding import WAIT_DAYS, parts_of
from feature_repo.stream.counting import Stream, days_of
from feature_repo.stream.stream_state import StreamState, day_number, micros
from infra.errors import Unavailable
from infra.lake import Lake
from infra.settings import FileLimits
from validation.batches import sort_out
from validation.contract import Table
from validation.files import NO_LIMITS, Delivered, delivered_from_file, delivered_from_jsonl, format_of, lines_of

AT_ONCE = 20_000  # rows of the lake a transaction
FOR_EVER = 10**6  # a day that is never pruned


@dataclass(frozen=True, slots=True)
class Landed:
    """One landed file: its path below the landing without the bundle it may be in, and its content."""

    name: str
    content: bytes

    @property
    def table(self) -> str:
        """The table whose folder it landed in."""
        return self.name.partition("/")[0]


@dataclass
class FileCounts:
    """How the rows of landed files fared.

    `reasons` maps a rule to the rows that it kept out, `failed` a file that could not be taken to its error.
    """

    files: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    failed: Mapping[str, str] = field(default_factory=dict)

    def __add__(self, other: "FileCounts") -> "FileCounts":
        return FileCounts(
            self.files + other.files,
            self.accepted + other.accepted,
            self.duplicate + other.duplicate,
            self.quarantined + other.quarantined,
            self.reasons + other.reasons,
            {**self.failed, **other.failed},
        )


class Intake:
    """Brings rows to a stream, in transactions of its state."""

    def __init__(
        self,
        stream: Stream,
        state: StreamState,
        lake: Lake,
        features: FeatureSet,
        tables: Mapping[str, Table],
        limits: FileLimits = NO_LIMITS,
    ) -> None:
        self._stream, self._state, self._lake, self._limits = stream, state, lake, limits
        described = [*(look.table for look in features.lookups), *(view.table for view in features.profile_views)]
        self._events = dict.fromkeys(signal.table for signal in features.signals)
        # what others borrow from comes first, so that fewer events wait
        self.tables = {name: tables[name] for name in dict.fromkeys([*described, *self._events])}

    def take_files(self, files: Iterable[Landed], now: datetime) -> FileCounts:
        """Take landed files: each row is checked as ingestion checks it. A file that was taken before is left alone.

        Rows are kept out one by one: the limits that refuse a whole delivery are ingestion's to judge. A row without a
        moment of receipt is received now. A file that cannot be taken is noted with its error, and not tried again.
        """
        some = list(files)
        try:
            return self._take(some, now)
        except Exception as error:
            if of_the_machine(error):
                raise
            if len(some) == 1:
                return self.give_up(some[0].name, error, now)
        half = len(some) // 2  # one of them is to blame: the others are taken without it
        return self.take_files(some[:half], now) + self.take_files(some[half:], now)

    def _take(self, files: Sequence[Landed], now: datetime) -> FileCounts:
        taken = FileCounts()
        with self._state.transaction():
            known = self._state.names("file")
            fresh = [file for file in files if file.table in self.tables and file.name not in known]
            accepted: dict[str, pa.Table] = {}
            for name, delivered in self._deliveries(fresh):
                rows = self._checked(self.tables[name], delivered, now, taken)
                accepted[name] = pa.concat_tables([accepted[name], rows]) if name in accepted else rows
            self._stream.take(accepted, micros(now))
            first = min([day_number(now.date()), *(min(days) for days in self._days(accepted) if len(days))])
            self._state.took("file", dict.fromkeys([file.name for file in fresh], first))
            taken.files = len(fresh)
        return taken

    def give_up(self, name: str, error: Exception, now: datetime) -> FileCounts:
        """Note a landed file as one that cannot be taken."""
        told = f"{type(error).__name__}: {error}"
        with self._state.transaction():
            self._state.took("file", {name: day_number(now.date())})
            self._state.gave_up(name, told)
        return FileCounts(failed={name: told})

    def take_lake(self, now: datetime) -> int:
        """Take what the lake accepted lately and no landed file brought, replays for instance; says how many rows."""
        known, in_base = self._state.names("part"), self._state.base_parts()
        oldest = (self._state.base or 0) - WAIT_DAYS
        rows = 0
        for name, table in self.tables.items():
            is_event = name in self._events
            found = {part: day_number(day) for part, day in parts_of(self._lake, [name]).items() if part not in known}
            fresh = {part: day for part, day in found.items() if not is_event or day >= oldest}
            for counted in (True, False):
                parts = [part for part in sorted(fresh) if (part in in_base) is counted]
                rows += self._take_parts(table, parts, now, counted)
            with self._state.transaction():
                self._state.took("part", fresh if is_event else dict.fromkeys(fresh, FOR_EVER))
        return rows

    def _take_parts(self, table: Table, parts: Sequence[str], now: datetime, counted: bool) -> int:
        try:
            return sum(self._take_rows(table, some, now, counted) for some in self._read(table, parts))
        except Exception as error:
            if of_the_machine(error):
                raise
            if len(parts) == 1:
                self._state.gave_up(parts[0], f"{type(error).__name__}: {error}")
                return 0
        half = len(parts) // 2
        return sum(self._take_parts(table, some, now, counted) for some in (parts[:half], parts[half:]))

    def _read(self, table: Table, parts: Sequence[str]) -> Iterator[pa.Table]:
        paths = [str(self._lake.path(f"tables/{part}")) for part in parts]
        if paths:
            rows = ds.dataset(paths, schema=table.schema, format="parquet").to_batches(batch_size=AT_ONCE)
            yield from (pa.Table.from_batches([some]) for some in rows)

    def _take_rows(self, table: Table, rows: pa.Table, now: datetime, in_base: bool) -> int:
        """Take the rows that were not met; those that the base has counted are only remembered."""
        with self._state.transaction():
            rows = rows.filter(pa.array(~self._stream.met(table, rows.select(table.identity))))
            self._stream.remember(table, rows)
            self._stream.take({table.name: rows}, micros(now), in_base)
        return len(rows)

    def _deliveries(self, files: Sequence[Landed]) -> Iterator[tuple[str, Delivered]]:
        """What is checked together: all JSON lines of a table, and each file of another kind."""
        for name, table in self.tables.items():
            mine = [file for file in files if file.table == name]
            together = [file for file in mine if (kind := format_of(file.name)) and kind.has_lines]
            if together:
                lines = [lines_of(file.name, file.content, self._limits) for file in together]
                yield name, delivered_from_jsonl(table, b"\n".join(lines))
            for file in mine:
                if file not in together:
                    yield name, delivered_from_file(table, file.name, file.content, self._limits)

    def _checked(self, table: Table, delivered: Delivered, now: datetime, taken: FileCounts) -> pa.Table:
        found = sort_out(table, delivered, now, lambda rows: self._stream.met(table, rows))
        accepted = found.accepted.table()
        self._stream.remember(table, accepted)
        taken.accepted += len(accepted)
        taken.duplicate += found.duplicate
        taken.quarantined += len(found.broken)
        taken.reasons.update(found.broken.counts())
        return accepted

    def _days(self, accepted: Mapping[str, pa.Table]) -> Iterator[list[int]]:
        return (days_of(self.tables[name], rows).tolist() for name, rows in accepted.items())


def of_the_machine(error: Exception) -> bool:
    """Whether an error would meet any file: the disk, SQLite or Java is to blame, not what was to be taken."""
    lost = isinstance(error, Py4JError) and not isinstance(error, Py4JJavaError)
    return lost or isinstance(error, OSError | sqlite3.Error | Unavailable)
