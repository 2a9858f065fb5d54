"""The state of the stream: one SQLite file, so that all changes of a micro-batch take effect together or not at all."""

import json
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.errors import DefinitionError
from infra.marks import Marks
from infra.settings import Settings
from validation.contract import unknown

SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS file (name TEXT PRIMARY KEY, first_day INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failed (name TEXT PRIMARY KEY, error TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS part (name TEXT PRIMARY KEY, day INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (mark INTEGER PRIMARY KEY, day INTEGER);
CREATE TABLE IF NOT EXISTS description (source TEXT, key TEXT, known_at INTEGER, first BLOB, newest BLOB,
  PRIMARY KEY (source, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waiting (source TEXT, lookup TEXT, key TEXT, day INTEGER, event BLOB);
CREATE INDEX IF NOT EXISTS waiting_for ON waiting (lookup, key);
CREATE TABLE IF NOT EXISTS counted (cell TEXT, day INTEGER, contribution BLOB);
CREATE INDEX IF NOT EXISTS counted_in ON counted (cell);
CREATE TABLE IF NOT EXISTS state (view TEXT, key TEXT, day INTEGER, at INTEGER, counters BLOB,
  PRIMARY KEY (view, key, day)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (view TEXT, key TEXT, at INTEGER, record BLOB,
  PRIMARY KEY (view, key, at)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS online (done_at INTEGER PRIMARY KEY, until INTEGER);
"""
TABLES = ("fact", "file", "failed", "part", "event", "description", "waiting", "counted", "state", "held")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 86_400_000_000  # in µs
FILE = "state.db"
Micros = NDArray[np.int64]


class StreamState:
    """The tables of one stream. Moments are µs since the epoch, days are days since the epoch, keys are joined words.

    fact         names and values: the base day, the digest of the definitions that were counted, number of batches
    file         landing files that were taken, with the first day on which their rows were received
    failed       those of them, and of the lake's files, that could not be taken, with the error
    part         files of the lake that were taken, with their day
    event        marks of the events that were taken, with the day on which they were received
    description  of each entity of a table the first and the newest description, and when the first was known
    waiting      events that wait for a description of an entity
    counted      contributions that count in capped views, by user, item and day of publication, since the base's day
    state        what one day added to an entity's counters, all days up to the base in one row; float64
    held         records that are not online yet
    online       (`until`, `done_at`): all moments up to `until` were online from `done_at` on
    """

    def __init__(self, folder: Path, counted: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._sql = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -32000", "temp_store = MEMORY"):
            self._sql.execute(f"PRAGMA {pragma}")
        self._sql.executescript(SCHEMA)
        if self.fact("counted") != counted:
            self._forget(counted)

    def close(self) -> None:
        """Close the file."""
        self._sql.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes in the block are made, or none."""
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._sql.execute("ROLLBACK")
            raise
        self._sql.execute("COMMIT")

    def fact(self, name: str) -> str | None:
        """A value, None where none was written."""
        row = self._sql.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def note(self, **facts: object) -> None:
        """Write values."""
        rows = [(name, str(value)) for name, value in facts.items()]
        self._sql.executemany("INSERT OR REPLACE INTO fact VALUES (?, ?)", rows)

    @property
    def base(self) -> int | None:
        """The day of the snapshot that the stream started from; None without one."""
        base = self.fact("base")
        return int(base) if base else None

    @property
    def base_end(self) -> int:
        """The moment up to which the base holds everything that was published; 0 without a base."""
        return 0 if self.base is None else (self.base + 1) * DAY

    def base_parts(self) -> set[str]:
        """The files of the lake that the base was made of."""
        return set((self.fact("base_parts") or "").split("\n"))

    def names(self, table: str) -> set[str]:
        """The names of the files or parts that were taken."""
        return {name for (name,) in self._sql.execute(f"SELECT name FROM {_checked_name(table)}")}

    def took(self, table: str, days: Mapping[str, int]) -> None:
        """Note files or parts as taken."""
        self._sql.executemany(f"INSERT OR REPLACE INTO {_checked_name(table)} VALUES (?, ?)", days.items())

    def drop_files(self, names: Iterable[str]) -> None:
        """Delete the notes of landing files that no longer exist."""
        self._sql.executemany("DELETE FROM file WHERE name = ?", [(name,) for name in names])
        self._forget_failed()

    def gave_up(self, name: str, error: str) -> None:
        """Note the error of a file or part that could not be taken."""
        self._sql.execute("INSERT OR REPLACE INTO failed VALUES (?, ?)", (name, error))

    def failed(self) -> dict[str, str]:
        """The files and parts that could not be taken, with the error of each."""
        return dict(self._sql.execute("SELECT name, error FROM failed").fetchall())

    def first_day(self) -> int | None:
        """The first day on which rows of the landing files that were taken were received."""
        first: int | None = self._sql.execute("SELECT min(first_day) FROM file").fetchone()[0]
        return first

    def already_taken(self, marks: Marks) -> NDArray[np.bool_]:
        """(marks,) whether each event was taken before."""
        signed = marks.view(np.int64)
        rows = self._sql.execute(
            "SELECT mark FROM event WHERE mark IN (SELECT value FROM json_each(?))", (json.dumps(signed.tolist()),)
        )
        return np.isin(signed, np.array([mark for (mark,) in rows], dtype=np.int64))

    def remember(self, marks: Marks, days: Micros) -> None:
        """Note events as taken."""
        rows = zip(marks.view(np.int64).tolist(), days.tolist(), strict=True)
        self._sql.executemany("INSERT OR IGNORE INTO event VALUES (?, ?)", rows)

    def described(self, source: str, keys: Sequence[str]) -> list[tuple[str, int, bytes, bytes]]:
        """Key, moment of the first description, first and newest description of those entities that have any."""
        return self._sql.execute(
            "SELECT key, known_at, first, newest FROM description "
            "WHERE source = ? AND key IN (SELECT value FROM json_each(?))", (source, json.dumps(keys))
        ).fetchall()  # fmt: skip

    def describe(self, source: str, rows: Iterable[tuple[str, int, bytes, bytes]]) -> None:
        """Write descriptions as `described` returns them."""
        self._sql.executemany(
            "INSERT OR REPLACE INTO description VALUES (?, ?, ?, ?, ?)", ((source, *row) for row in rows)
        )

    def known_at(self, source: str, keys: Sequence[str]) -> dict[str, int]:
        """When these entities were first described, for those that were."""
        rows = self._sql.execute(
            "SELECT key, known_at FROM description WHERE source = ? AND key IN (SELECT value FROM json_each(?))",
            (source, json.dumps(keys)),
        )
        return dict(rows.fetchall())

    def wait(self, rows: Iterable[tuple[str, str, str, int, bytes]]) -> None:
        """Store events: their table, the table and key they wait for, the day of receipt, the event."""
        self._sql.executemany("INSERT INTO waiting VALUES (?, ?, ?, ?, ?)", rows)

    def waited(self, lookup: str, keys: Sequence[str]) -> list[tuple[str, bytes]]:
        """Table and event of those that wait for these entities; they are removed from the waiting ones."""
        return self._sql.execute(
            "DELETE FROM waiting WHERE lookup = ? AND key IN (SELECT value FROM json_each(?)) RETURNING source, event",
            (lookup, json.dumps(keys)),
        ).fetchall()

    def counted(self, cells: Sequence[str]) -> list[bytes]:
        """The contributions that were added up in these cells."""
        rows = self._sql.execute(
            "SELECT contribution FROM counted WHERE cell IN (SELECT value FROM json_each(?))", (json.dumps(cells),)
        )
        return [contribution for (contribution,) in rows]

    def count(self, rows: Iterable[tuple[str, int, bytes]]) -> None:
        """Store contributions as added up, each with its cell and its day."""
        self._sql.executemany("INSERT INTO counted VALUES (?, ?, ?)", rows)

    def states(self, view: str, keys: Sequence[str]) -> list[tuple[str, int, int, bytes]]:
        """Key, day, moment and counters of these entities, a row for each day."""
        return self._sql.execute(
            "SELECT key, day, at, counters FROM state WHERE view = ? AND key IN (SELECT value FROM json_each(?))",
            (view, json.dumps(keys)),
        ).fetchall()

    def put_states(self, view: str, rows: Iterable[tuple[str, int, int, bytes]]) -> None:
        """Write rows as `states` returns them."""
        self._sql.executemany("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?)", ((view, *row) for row in rows))

    def drop_states(self, until: int) -> None:
        """Delete what was counted on the days up to one, that one included.

        Which events counted on that day itself stays known: some of its events may come late.
        """
        self._sql.execute("DELETE FROM state WHERE day <= ?", (until,))
        self._sql.execute("DELETE FROM counted WHERE day < ?", (until,))

    def hold(self, view: str, rows: Iterable[tuple[str, int, bytes]]) -> None:
        """Store records, each with its entity's key and its moment, until they are due."""
        self._sql.executemany("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?)", ((view, *row) for row in rows))

    def due(self, view: str, until: int) -> list[tuple[str, bytes]]:
        """Key and newest record of the entities that have one of a moment up to `until`."""
        rows = self._sql.execute(
            "SELECT key, record, max(at) FROM held WHERE view = ? AND at <= ? GROUP BY key", (view, until)
        )
        return [(key, record) for key, record, _ in rows]

    def sent(self, until: int, done_at: int) -> None:
        """Note that all records of a moment up to `until` are online."""
        self._sql.execute("DELETE FROM held WHERE at <= ?", (until,))
        self._sql.execute("INSERT OR REPLACE INTO online VALUES (?, ?)", (done_at, until))

    def prune(self, day: int) -> None:
        """Delete events, parts and waiting events from before a day."""
        for table in ("event", "part", "waiting"):
            self._sql.execute(f"DELETE FROM {table} WHERE day < ?", (day,))
        self._sql.execute("DELETE FROM online WHERE done_at < ?", (day * DAY,))
        self._forget_failed()

    def _forget_failed(self) -> None:
        """Delete the errors of files and parts that no longer exist."""
        self._sql.execute("DELETE FROM failed WHERE name NOT IN (SELECT name FROM file UNION SELECT name FROM part)")

    def _forget(self, counted: str) -> None:
        """Delete everything: sums by other definitions cannot be added to."""
        with self.transaction():
            for table in TABLES:
                self._sql.execute(f"DELETE FROM {table}")
            self.note(counted=counted, begun=uuid.uuid4().hex)


def stream_folder(settings: Settings, name: str) -> Path:
    """The folder with the state of a feature set's stream."""
    return settings.of(name).stream


def online_notes(folder: Path) -> list[tuple[datetime, datetime]]:
    """(until, done_at) in order: all moments up to `until` were online from `done_at` on. Empty without a stream."""
    path = folder / FILE
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as sql:
        rows = sql.execute("SELECT until, done_at FROM online ORDER BY done_at").fetchall()
    return [(EPOCH + timedelta(microseconds=until), EPOCH + timedelta(microseconds=done)) for until, done in rows]


def day_number(day: date) -> int:
    """Days since the epoch."""
    return (day - EPOCH.date()).days


def micros(moment: datetime) -> int:
    """A moment in µs since the epoch."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def _checked_name(table: str) -> str:
    if table not in TABLES:
        raise DefinitionError(f"stream state: table {unknown(table, TABLES)}")
    return table
