"""A mapping's deliveries: Parquet files of our tables, written a part of the source at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from infra.atomic import atomic_write as whole_file
from infra.errors import DefinitionError
from orchestration.sources.mapping import reading, rows
from orchestration.sources.mapping.absent import SUCCESS
from orchestration.sources.mapping.definition import MappedRows, Mapping
from orchestration.sources.mapping.described import Seen, described_entities, lost
from orchestration.sources.mapping.fields import Unread
from validation.contract import Table

if TYPE_CHECKING:
    import pandas as pd

PREFIX = "mapped-"


@dataclass
class MappingResult:
    """What a mapping made: rows by table, repeats left out, texts that could not be read, and what is lost."""

    folder: Path
    rows: dict[str, int] = field(default_factory=dict)
    repeats: dict[str, int] = field(default_factory=dict)
    entities: dict[str, dict[str, int]] = field(default_factory=dict)
    unread: dict[str, tuple[int, str]] = field(default_factory=dict)
    left_out: dict[str, tuple[int, str]] = field(default_factory=dict)
    lost: list[tuple[str, str, str]] = field(default_factory=list)
    first: date | None = None
    last: date | None = None
    successes: int = 0
    latest: dict[str, str] = field(default_factory=dict)  # an id that was seen late, by table


def write(mapping: Mapping, tables: Sequence[Table], folder: Path, say: Callable[[str], None]) -> MappingResult:
    """Write the deliveries of a mapping into a folder, one folder a table; what it wrote before is replaced."""
    mapping = rows.complete(mapping, tables)
    made, unread, seen = MappingResult(folder), Unread(), Seen()
    _cleared(folder, tables)
    events = [table for table in tables if not table.versioned]
    for source in dict.fromkeys(r.source for table in events for r in mapping.tables[table.name]):
        wanted = [(table, r) for table in events for r in mapping.tables[table.name] if r.source == source]
        say(f"reading {source}")
        for part in reading.parts(mapping, source, sorted(set().union(*(rows.needs(r) for _, r in wanted)))):
            for table, each in wanted:
                for frame in rows.rows_of_part(mapping, table, each, part, unread):
                    seen.take(table, frame)
                    _event_rows(made, table, frame)
    if seen.start is None or seen.last is None:
        raise DefinitionError(
            f"{mapping.path}: the sources hold no event with a readable moment. Look at `event_time`."
        )
    made.first, made.last = seen.start.date(), seen.last.date()
    for table in (table for table in tables if table.versioned):
        parts = [frame for r in mapping.tables[table.name] for frame in _catalogue(mapping, table, r, unread)]
        frame, made.entities[table.name] = described_entities(table, parts, seen)
        made.latest[table.name] = str(seen.of(table.name).idxmax())
        _put(made, table, frame)
    made.unread, made.left_out = unread.found, unread.left_out
    made.lost = lost(tables, {table.name: _mapped(mapping.tables[table.name]) for table in tables})
    return made


def _catalogue(mapping: Mapping, table: Table, each: MappedRows, unread: Unread) -> "list[pd.DataFrame]":
    parts = reading.parts(mapping, each.source, sorted(rows.needs(each)))
    return [frame for part in parts for frame in rows.rows_of_part(mapping, table, each, part, unread)]


def _event_rows(made: MappingResult, table: Table, frame: "pd.DataFrame") -> None:
    once = frame.drop_duplicates(list(table.identity))
    made.repeats[table.name] = made.repeats.get(table.name, 0) + len(frame) - len(once)
    judged = next(iter(name for name, value in SUCCESS.items() if value is True))
    if judged in once:
        made.successes += int((once[judged] == True).sum())  # noqa: E712 (the column holds nulls too)
    _put(made, table, once)


def _put(made: MappingResult, table: Table, frame: "pd.DataFrame") -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if frame.empty:
        return
    before = made.rows.get(table.name, 0)
    made.rows[table.name] = before + len(frame)
    present = [f for f in table.schema if f.name in frame and frame[f.name].notna().any()]
    columns = [pa.array(frame[f.name], f.type, from_pandas=True) for f in present]
    target = made.folder / table.name / f"{PREFIX}{before:012d}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as draft:
        pq.write_table(pa.table(columns, names=[f.name for f in present]), draft, coerce_timestamps="us")


def _cleared(folder: Path, tables: Sequence[Table]) -> None:
    for table in tables:
        for old in (folder / table.name).glob(f"{PREFIX}*.parquet"):
            old.unlink()


def _mapped(entries: Sequence[MappedRows]) -> list[str]:
    return [name for each in entries for name in each.fields]
