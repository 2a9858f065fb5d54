"""People taken out of a stream's state: counters, descriptions, events that wait, records that are not online yet."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from feature_repo.definition import FeatureSet
from feature_repo.records import joined, split
from feature_repo.stream.row_bytes import unpacked
from feature_repo.stream.stream_state import FILE
from validation.contract import Table


def remove_people_from_stream(
    folder: Path, features: FeatureSet, tables: Mapping[str, Table], person: str, people: Collection[str],
    *, dry_run: bool = False,
) -> int:  # fmt: skip
    """Remove what the stream in a folder stores of people; returns how many rows that were.

    It may run meanwhile: all goes in one transaction. Marks of events that were counted stay: they name nobody.
    """
    path = folder / FILE
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as sql:
        sql.execute("PRAGMA secure_delete = ON")
        sql.execute("BEGIN IMMEDIATE")
        removed = sum(_remove(sql, table, where) for table, where in _rows(sql, features, tables, person, people))
        sql.execute("ROLLBACK" if dry_run else "COMMIT")
        if removed and not dry_run:
            sql.execute("VACUUM")
            sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return removed


Where = tuple[str, Sequence[tuple[object, ...]]]
"""An SQL condition, and the values that each row to be removed has in it."""


def _remove(sql: sqlite3.Connection, table: str, where: Where) -> int:
    condition, values = where
    return sum(sql.execute(f"DELETE FROM {table} WHERE {condition}", each).rowcount for each in values)


def _rows(
    sql: sqlite3.Connection, features: FeatureSet, tables: Mapping[str, Table], person: str, people: Collection[str]
) -> Iterator[tuple[str, Where]]:
    """The rows about people, by table of the state."""
    keys = {view.name: view.keys for view in features.counter_views}
    keys |= {view.name: view.keys for view in features.profile_views}
    for table in ("state", "held"):
        rows = sql.execute(f"SELECT DISTINCT view, key FROM {table}").fetchall()
        yield (
            table,
            ("view = ? AND key = ?", [row for row in rows if _holds(keys.get(row[0], ()), row[1], person, people)]),
        )
    if features.influence is not None and features.influence.who == person:
        cells = sql.execute("SELECT DISTINCT cell FROM counted").fetchall()
        yield "counted", ("cell = ?", [row for row in cells if split(row[0])[0] in people])
    about = [name for name, table in tables.items() if table.person == person]
    yield (
        "description",
        ("source = ? AND key = ?", [(f"{name} by {person}", joined((p,))) for name in about for p in people]),
    )
    events = []
    for rowid, source, event in sql.execute("SELECT rowid, source, event FROM waiting"):
        if source in about and unpacked(tables[source].schema, [event])[person][0].as_py() in people:
            events.append((rowid,))
    yield "waiting", ("rowid = ?", events)


def _holds(keys: tuple[str, ...], key: str, person: str, people: Collection[str]) -> bool:
    return person in keys and split(key)[keys.index(person)] in people
