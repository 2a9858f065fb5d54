"""The stream's intake: landed files, and rows that the lake accepted from elsewhere."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.dataset as ds
from py4j.protocol import Py4JError, Py4JJavaError

from feature_repo.definition import WAIT_DAYS, FeatureSet
from feature_repo.folding import parts_of
from feature_repo.stream.counting import Stream, days_of
from feature_repo.stream.stream_state import StreamState, day_number, micros
from infra.errors import Unavailable
from infra.lake import Lake
from infra.pseudonyms import Pseudonyms
from infra.settings import FileLimits
from validation.batches import erased_people, sort_out, without_people
from validation.contract import Table
from validation.files import (
    NO_LIMITS,
    Delivered,
    delivered_from_file,
    delivered_from_jsonl,
    format_of,
    lines_of,
    with_pseudonyms,
)

AT_ONCE = 20_000  # rows of the lake a transaction
NEVER_PRUNED = 10**6  # a day after all days that are pruned


@dataclass(frozen=True, slots=True)
class Landed:
    """One landed file: its path below the landing, without a bundle's folder, and its content."""

    name: str
    content: bytes

    @property
    def table(self) -> str:
        """The table whose folder it landed in."""
        return self.name.partition("/")[0]


@dataclass
class FileCounts:
    """What happened to the rows of landed files.

    `reasons` maps a rule to the number of rows that break it, `failed` a file that could not be taken to its error.
    """

    files: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    erased: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    failed: Mapping[str, str] = field(default_factory=dict)

    def __add__(self, other: "FileCounts") -> "FileCounts":
        return FileCounts(
            self.files + other.files,
            self.accepted + other.accepted,
            self.duplicate + other.duplicate,
            self.quarantined + other.quarantined,
            self.erased + other.erased,
            self.reasons + other.reasons,
            {**self.failed, **other.failed},
        )


class Intake:
    """Adds rows to a stream, in transactions of its state."""

    def __init__(
        self,
        stream: Stream,
        state: StreamState,
        lake: Lake,
        features: FeatureSet,
        tables: Mapping[str, Table],
        limits: FileLimits = NO_LIMITS,
        ids: Pseudonyms | None = None,
    ) -> None:
        self._stream, self._state, self._lake, self._limits, self._ids = stream, state, lake, limits, ids
        described = [*(look.table for look in features.lookups), *(view.table for view in features.profile_views)]
        self._events = dict.fromkeys(signal.table for signal in features.signals)
        # descriptions come first, so that fewer events wait for them
        self.tables = {name: tables[name] for name in dict.fromkeys([*described, *self._events])}

    def take_files(self, files: Iterable[Landed], now: datetime) -> FileCounts:
        """Take landed files: each row is checked as ingestion checks it. A file that was taken before is skipped.

        Broken rows are left out one by one; the limits of a batch are checked only by ingestion. A row without a time
        of receipt is received now. A file that cannot be taken is noted with its error, and not tried again.
        """
        files_left = list(files)
        try:
            return self._take(files_left, now)
        except Exception as error:
            if of_the_machine(error):
                raise
            if len(files_left) == 1:
                return self.give_up(files_left[0].name, error, now)
        half = len(files_left) // 2  # one of them has the error: the others are taken without it
        return self.take_files(files_left[:half], now) + self.take_files(files_left[half:], now)

    def _take(self, files: Sequence[Landed], now: datetime) -> FileCounts:
        taken = FileCounts()
        with self._state.transaction():
            taken_before = self._state.names("file")
            fresh = [file for file in files if file.table in self.tables and file.name not in taken_before]
            accepted: dict[str, pa.Table] = {}
            for name, delivered in self._deliveries(fresh):
                table = self.tables[name]
                rows = self._checked(table, with_pseudonyms(table, delivered, self._ids), now, taken)
                accepted[name] = pa.concat_tables([accepted[name], rows]) if name in accepted else rows
            self._stream.take(accepted, micros(now))
            first = min([day_number(now.date()), *(min(days) for days in self._days(accepted) if len(days))])
            self._state.took("file", dict.fromkeys([file.name for file in fresh], first))
            taken.files = len(fresh)
        return taken

    def give_up(self, name: str, error: Exception, now: datetime) -> FileCounts:
        """Note a landed file as one that cannot be taken."""
        reason = f"{type(error).__name__}: {error}"
        with self._state.transaction():
            self._state.took("file", {name: day_number(now.date())})
            self._state.gave_up(name, reason)
        return FileCounts(failed={name: reason})

    def take_lake(self, now: datetime) -> int:
        """Take rows that the lake accepted and that came in no landed file, such as replays; returns how many."""
        taken, in_base = self._state.names("part"), self._state.base_parts()
        oldest = (self._state.base or 0) - WAIT_DAYS
        rows = 0
        for name, table in self.tables.items():
            is_event = name in self._events
            there = parts_of(self._lake, [name], removed=False)
            parts_of_table = {part: day_number(day) for part, day in there.items()}
            fresh = {part: day for part, day in parts_of_table.items() if part not in taken}
            fresh = {part: day for part, day in fresh.items() if not is_event or day >= oldest}
            for counted_in_base in (True, False):
                parts = [part for part in sorted(fresh) if (part in in_base) is counted_in_base]
                rows += self._take_parts(table, parts, now, counted_in_base)
            with self._state.transaction():
                self._state.took("part", fresh if is_event else dict.fromkeys(fresh, NEVER_PRUNED))
        return rows

    def _take_parts(self, table: Table, parts: Sequence[str], now: datetime, counted_in_base: bool) -> int:
        try:
            return sum(self._take_rows(table, rows, now, counted_in_base) for rows in self._read(table, parts))
        except Exception as error:
            if of_the_machine(error):
                raise
            if len(parts) == 1:
                self._state.gave_up(parts[0], f"{type(error).__name__}: {error}")
                return 0
        half = len(parts) // 2
        return sum(self._take_parts(table, each, now, counted_in_base) for each in (parts[:half], parts[half:]))

    def _read(self, table: Table, parts: Sequence[str]) -> Iterator[pa.Table]:
        paths = [str(self._lake.path(f"tables/{part}")) for part in parts]
        if paths:
            rows = ds.dataset(paths, schema=table.schema, format="parquet").to_batches(batch_size=AT_ONCE)
            yield from (pa.Table.from_batches([batch]) for batch in rows)

    def _take_rows(self, table: Table, rows: pa.Table, now: datetime, in_base: bool) -> int:
        """Take the rows that were not taken before; those that the base has counted are only noted."""
        with self._state.transaction():
            rows = rows.filter(pa.array(~self._stream.already_taken(table, rows.select(table.identity))))
            self._stream.remember(table, rows)
            self._stream.take({table.name: rows}, micros(now), in_base)
        return len(rows)

    def _deliveries(self, files: Sequence[Landed]) -> Iterator[tuple[str, Delivered]]:
        """Deliveries by table: all its JSON lines together, and each file of another format."""
        for name, table in self.tables.items():
            of_table = [file for file in files if file.table == name]
            of_lines = [file for file in of_table if (kind := format_of(file.name)) and kind.has_lines]
            if of_lines:
                lines = [lines_of(file.name, file.content, self._limits) for file in of_lines]
                yield name, delivered_from_jsonl(table, b"\n".join(lines))
            for file in of_table:
                if file not in of_lines:
                    yield name, delivered_from_file(table, file.name, file.content, self._limits)

    def _checked(self, table: Table, delivered: Delivered, now: datetime, taken: FileCounts) -> pa.Table:
        delivered = without_people(table, delivered, erased_people(self._lake))
        checked = sort_out(table, delivered, now, lambda rows: self._stream.already_taken(table, rows))
        accepted = checked.accepted.table()
        self._stream.remember(table, accepted)
        taken.accepted += len(accepted)
        taken.duplicate += checked.duplicate
        taken.quarantined += len(checked.broken)
        taken.erased += delivered.erased
        taken.reasons.update(checked.broken.counts())
        return accepted

    def _days(self, accepted: Mapping[str, pa.Table]) -> Iterator[list[int]]:
        return (days_of(self.tables[name], rows).tolist() for name, rows in accepted.items())


def of_the_machine(error: Exception) -> bool:
    """Whether an error is one of the disk, SQLite or Java, which any file would meet, and not one of the file."""
    lost = isinstance(error, Py4JError) and not isinstance(error, Py4JJavaError)
    return lost or isinstance(error, OSError | sqlite3.Error | Unavailable)
