"""Words masked where messages quote them: in logs, reports and SQLite files, in place and at the same length.

So a file that a process writes to meanwhile stays its file, and what was JSON stays JSON.
"""

import re
import sqlite3
from collections.abc import Collection, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from infra.errors import Unavailable
from infra.failpoint import reached

SQLITE = b"SQLite format 3\0"
LOCKED_S = 30.0  # how long another process may hold a database
SHORTEST = 4  # characters: a shorter word, and one of digits alone, stands in many messages without meaning a person
TOKEN = re.compile(rb"[\w.~-]{%d,}" % SHORTEST)
MASK = b"x"


@dataclass(frozen=True)
class Names:
    """The words to be masked: ids of people, and further words that name them, such as the ids of their events.

    An id that is short or a number is masked only where it follows the name of its column.
    """

    column: str
    people: frozenset[str]
    others: frozenset[str] = frozenset()

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        column = re.escape(self.column.encode())
        weak = [re.escape(word.encode()) for word in sorted(self.people) if _is_weak(word)]
        strong = [re.escape(word.encode()) for word in sorted(self.people) if not _is_weak(word)]
        parts = [rb"(?<![\w-])(?:%s)(?![\w-])" % b"|".join(strong)] if strong else []
        parts += [rb"(?<=%s)(\W{1,5})(?:%s)(?![\w-])" % (column, b"|".join(weak))] if weak else []
        return re.compile(b"|".join(parts) or rb"(?!)")

    @cached_property
    def _others(self) -> frozenset[bytes]:
        return frozenset(word.encode() for word in self.others if not _is_weak(word))

    def masked(self, content: bytes) -> bytes:
        """The content with every such word masked."""
        content = self._pattern.sub(_mask_word, content)
        return TOKEN.sub(self._mask_other, content) if self._others else content

    def _mask_other(self, token: re.Match[bytes]) -> bytes:
        return MASK * len(token[0]) if token[0] in self._others else token[0]


def _is_weak(word: str) -> bool:
    return len(word) < SHORTEST or word.isdigit()


def _mask_word(match: re.Match[bytes]) -> bytes:
    between = match[1] if match.re.groups and match[1] else b""
    return between + MASK * (len(match[0]) - len(between))


def mask_file(path: Path, names: Names, *, dry_run: bool = False) -> int:
    """Mask words in a text file or SQLite file; returns 1 when it had any, else 0. Other files are left as they are."""
    with path.open("rb") as file:
        head = file.read(8192)
    if head.startswith(SQLITE):
        return _mask_sqlite(path, names, dry_run)
    if b"\0" in head:
        return 0
    before = path.read_bytes()
    after = names.masked(before)
    if before == after:
        return 0
    if not dry_run:
        with path.open("r+b") as file:  # whatever is appended meanwhile stays behind it
            file.write(after)
        reached("masked")
    return 1


def _mask_sqlite(path: Path, names: Names, dry_run: bool) -> int:
    """Mask texts and blobs of a database, and write it anew: else its free pages would still hold them."""

    def masked(value: str | bytes | float | None) -> str | bytes | float | None:
        if isinstance(value, str):
            return names.masked(value.encode(errors="surrogateescape")).decode(errors="surrogateescape")
        return names.masked(value) if isinstance(value, bytes) else value

    changed = 0
    try:
        with closing(sqlite3.connect(path, timeout=LOCKED_S, isolation_level=None)) as sql:
            sql.create_function("masked", 1, masked, deterministic=True)
            sql.execute("PRAGMA secure_delete = ON")
            for table, columns in _columns(sql):
                for column in columns:
                    if sql.execute(f"SELECT 1 FROM {table} WHERE masked({column}) IS NOT {column} LIMIT 1").fetchone():
                        changed = 1
                        if not dry_run:
                            sql.execute(
                                f"UPDATE OR REPLACE {table} SET {column} = masked({column}) "
                                f"WHERE masked({column}) IS NOT {column}"
                            )
            if not dry_run and (changed or names.masked(path.read_bytes()) != path.read_bytes()):
                sql.execute("VACUUM")
                sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                reached("masked")
    except sqlite3.OperationalError as held:
        raise Unavailable(f"{path}: {held}. Give the command again when what writes to it has ended.") from held
    return changed


def _columns(sql: sqlite3.Connection) -> Iterable[tuple[str, Collection[str]]]:
    """The tables of a database, with their columns, each as SQL names it."""
    of_users = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    for (name,) in sql.execute(of_users).fetchall():
        table = _quoted(name)
        yield table, [_quoted(column) for _, column, *_ in sql.execute(f"PRAGMA table_info({table})").fetchall()]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
