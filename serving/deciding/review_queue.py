"""The cases that wait for a reviewer, and how many more a day may: one SQLite file that all workers of a machine share.

A slot and the case that takes it are written in one transaction, so that the queue is never over its capacity: with
several workers, without Redis and after a restart. Redis counts beside it, for workers on other machines.
"""

import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

BUSY_S = 0.02  # how long another worker's transaction is waited for
KEPT_S = 30 * 86_400.0  # a verdict that comes later is taken as a row of the table of verdicts
TABLES = """
CREATE TABLE IF NOT EXISTS slots (day TEXT, by_lot INTEGER, used INTEGER, PRIMARY KEY (day, by_lot));
CREATE TABLE IF NOT EXISTS reviews (
  key TEXT PRIMARY KEY, at REAL, loss REAL, score REAL, by_lot INTEGER, reasons TEXT, given TEXT, person TEXT,
  release TEXT, closed_at REAL);
CREATE TABLE IF NOT EXISTS judging (key TEXT PRIMARY KEY, since REAL);
CREATE INDEX IF NOT EXISTS open_reviews ON reviews (closed_at, loss DESC);
"""
JUDGED_WITHIN_S = 60.0  # from then on another verdict is taken: the process that had one is gone
OPEN = "SELECT key, at, loss, score, by_lot, reasons, given, release, person FROM reviews WHERE closed_at IS NULL"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Review:
    """A case that waits for a verdict. `loss` is what is expected to be lost if it is fraud and nobody looks."""

    key: str
    at: float
    loss: float
    score: float | None
    by_lot: bool
    reasons: Sequence[str]
    given: Mapping[str, Any]
    release: str | None = None
    person: str | None = None


class ReviewQueue:
    """Reviews of one system. A file that cannot be used raises sqlite3.Error."""

    FILE = "reviews.sqlite"

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()
        self._connection: sqlite3.Connection | None = None

    def prepare(self) -> None:
        """Open the file, and make it where there is none: the first case to review would have to wait for that."""
        try:
            with self._lock:
                self._open()
        except (OSError, sqlite3.Error) as failed:
            log.error("review queue: %s", failed)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def take(self, review: Review, day: str, capacity: int) -> bool:
        """Put a case into the queue if fewer than `capacity` of its kind (by lot or not) came in on this day.

        A case that is there already has its slot.
        """
        with self._lock, self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("SELECT 1 FROM reviews WHERE key = ?", (review.key,)).fetchone():
                return True
            kind = (day, int(review.by_lot))
            row = connection.execute("SELECT used FROM slots WHERE day = ? AND by_lot = ?", kind).fetchone()
            used = row[0] if row else 0
            if used >= capacity:
                return False
            connection.execute("INSERT OR REPLACE INTO slots VALUES (?, ?, ?)", (*kind, used + 1))
            connection.execute(
                "INSERT INTO reviews VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                (review.key, review.at, review.loss, review.score, int(review.by_lot), json.dumps(review.reasons),
                 json.dumps(review.given), review.person, review.release),
            )  # fmt: skip
            return True

    def withdraw(self, key: str) -> None:
        """Take a case out again that did not come to review; its slot stays used."""
        with self._lock, self._open() as connection:
            connection.execute("DELETE FROM reviews WHERE key = ? AND closed_at IS NULL", (key,))

    def waiting(self, limit: int) -> list[Review]:
        """Open reviews, the largest expected loss first."""
        with self._lock, self._open() as connection:
            rows = connection.execute(f"{OPEN} ORDER BY loss DESC, at LIMIT ?", (limit,)).fetchall()
        return [_review(row) for row in rows]

    def facts(self, day: str) -> tuple[int, float | None, int]:
        """How many are open, when the oldest of them came, and how many came in on this day."""
        with self._lock, self._open() as connection:
            open_ones = "SELECT COUNT(*), MIN(at) FROM reviews WHERE closed_at IS NULL"
            count, oldest = connection.execute(open_ones).fetchone()
            (used,) = connection.execute("SELECT COALESCE(SUM(used), 0) FROM slots WHERE day = ?", (day,)).fetchone()
        return count, oldest, used

    def find(self, key: str) -> Review | None:
        """An open review."""
        with self._lock, self._open() as connection:
            row = connection.execute(f"{OPEN} AND key = ?", (key,)).fetchone()
        return _review(row) if row else None

    def begin_verdict(self, key: str, now: float) -> bool:
        """Whether a verdict on an open review may be written now: not while another one is."""
        with self._lock, self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM judging WHERE ABS(? - since) > ?", (now, JUDGED_WITHIN_S))
            begun = "INSERT OR IGNORE INTO judging SELECT key, ? FROM reviews WHERE key = ? AND closed_at IS NULL"
            return connection.execute(begun, (now, key)).rowcount == 1

    def give_up_verdict(self, key: str) -> None:
        """Note that a verdict could not be written: another one may be."""
        with self._lock, self._open() as connection:
            connection.execute("DELETE FROM judging WHERE key = ?", (key,))

    def close_review(self, key: str, now: float) -> None:
        """Note that a verdict on a case is on disk; what was closed long ago is forgotten."""
        with self._lock, self._open() as connection:
            connection.execute("UPDATE reviews SET closed_at = ? WHERE key = ? AND closed_at IS NULL", (now, key))
            connection.execute("DELETE FROM reviews WHERE closed_at < ?", (now - KEPT_S,))
            connection.execute("DELETE FROM judging WHERE key = ?", (key,))

    def forget(self, people: Sequence[str], *, dry_run: bool = False) -> int:
        """Remove the cases of persons who are erased; returns how many there were."""
        with self._lock, self._open() as connection:
            counted = "SELECT COUNT(*) FROM reviews WHERE person = ?"
            count: int = sum(connection.execute(counted, (person,)).fetchone()[0] for person in people)
            if count and not dry_run:
                connection.execute("PRAGMA secure_delete = ON")
                of_person = "DELETE FROM judging WHERE key IN (SELECT key FROM reviews WHERE person = ?)"
                connection.executemany(of_person, [(person,) for person in people])
                connection.executemany("DELETE FROM reviews WHERE person = ?", [(person,) for person in people])
        if count and not dry_run:
            with self._lock:
                self._open().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return count

    def _open(self) -> sqlite3.Connection:
        """The connection, as a context that commits or rolls back."""
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(TABLES)
            self._path.chmod(0o600)
            self._connection = connection
        return self._connection


def _review(row: tuple[Any, ...]) -> Review:
    key, at, loss, score, by_lot, reasons, given, release, person = row
    return Review(key, at, loss, score, bool(by_lot), json.loads(reasons), json.loads(given), release, person)
