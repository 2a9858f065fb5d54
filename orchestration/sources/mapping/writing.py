"""A mapping's deliveries: Parquet files of our tables, written a part of the source at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from infra.atomic import atomic_write
from infra.errors import DefinitionError
from infra.pseudonyms import Pseudonyms
from orchestration.sources.mapping import reading, rows
from orchestration.sources.mapping.absent import SUCCESS
from orchestration.sources.mapping.definition import MappedRows, Mapping
from orchestration.sources.mapping.described import FirstMoments, described_entities, lost
from orchestration.sources.mapping.fields import Unread
from validation.contract import Table
from validation.files import columns_with_pseudonyms

if TYPE_CHECKING:
    import pandas as pd

PREFIX = "mapped-"


@dataclass
class MappingResult:
    """What a mapping made: rows by table, repeats left out, texts that could not be read, and what is lost."""

    folder: Path
    rows: dict[str, int] = field(default_factory=dict)
    ids: Pseudonyms | None = None
    repeats: dict[str, int] = field(default_factory=dict)
    entities: dict[str, dict[str, int]] = field(default_factory=dict)
    unread: dict[str, tuple[int, str]] = field(default_factory=dict)
    left_out: dict[str, tuple[int, str]] = field(default_factory=dict)
    lost: list[tuple[str, str, str]] = field(default_factory=list)
    first: date | None = None
    last: date | None = None
    successes: int = 0
    latest: dict[str, str] = field(default_factory=dict)  # the id whose first event is the latest, by table


def write(
    mapping: Mapping, tables: Sequence[Table], folder: Path, say: Callable[[str], None], ids: Pseudonyms | None = None
) -> MappingResult:
    """Write the deliveries of a mapping into a folder, one folder a table; what it wrote before is replaced.

    ids  the pseudonyms of the home that they are for
    """
    mapping = rows.complete(mapping, tables)
    result, unread, first_moments = MappingResult(folder, ids=ids), Unread(), FirstMoments()
    _cleared(folder, tables)
    events = [table for table in tables if not table.versioned]
    for source in dict.fromkeys(r.source for table in events for r in mapping.tables[table.name]):
        targets = [(table, r) for table in events for r in mapping.tables[table.name] if r.source == source]
        say(f"reading {source}")
        for part in reading.parts(mapping, source, sorted(set().union(*(rows.needs(r) for _, r in targets)))):
            for table, each in targets:
                for frame in rows.rows_of_part(mapping, table, each, part, unread):
                    first_moments.take(table, frame)
                    _event_rows(result, table, frame)
    if first_moments.start is None or first_moments.last is None:
        raise DefinitionError(
            f"{mapping.path}: the sources hold no event with a readable moment. Look at `event_time`."
        )
    result.first, result.last = first_moments.start.date(), first_moments.last.date()
    for table in (table for table in tables if table.versioned):
        parts = [frame for r in mapping.tables[table.name] for frame in _catalogue(mapping, table, r, unread)]
        frame, result.entities[table.name] = described_entities(table, parts, first_moments)
        result.latest[table.name] = str(first_moments.of(table.name).idxmax())
        _put(result, table, frame)
    result.unread, result.left_out = unread.texts, unread.left_out
    result.lost = lost(tables, {table.name: _mapped(mapping.tables[table.name]) for table in tables})
    return result


def _catalogue(mapping: Mapping, table: Table, each: MappedRows, unread: Unread) -> "list[pd.DataFrame]":
    parts = reading.parts(mapping, each.source, sorted(rows.needs(each)))
    return [frame for part in parts for frame in rows.rows_of_part(mapping, table, each, part, unread)]


def _event_rows(result: MappingResult, table: Table, frame: "pd.DataFrame") -> None:
    distinct = frame.drop_duplicates(list(table.identity))
    result.repeats[table.name] = result.repeats.get(table.name, 0) + len(frame) - len(distinct)
    judged = next(iter(name for name, value in SUCCESS.items() if value is True))
    if judged in distinct:
        result.successes += int((distinct[judged] == True).sum())  # noqa: E712 (the column holds nulls too)
    _put(result, table, distinct)


def _put(result: MappingResult, table: Table, frame: "pd.DataFrame") -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if frame.empty:
        return
    before = result.rows.get(table.name, 0)
    result.rows[table.name] = before + len(frame)
    present = [f for f in table.schema if f.name in frame and frame[f.name].notna().any()]
    columns = [pa.array(frame[f.name], f.type, from_pandas=True) for f in present]
    written = columns_with_pseudonyms(table, pa.table(columns, names=[f.name for f in present]), result.ids)
    target = result.folder / table.name / f"{PREFIX}{before:012d}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(target) as draft:
        pq.write_table(written, draft, coerce_timestamps="us")


def _cleared(folder: Path, tables: Sequence[Table]) -> None:
    for table in tables:
        for old in (folder / table.name).glob(f"{PREFIX}*.parquet"):
            old.unlink()


def _mapped(entries: Sequence[MappedRows]) -> list[str]:
    return [name for each in entries for name in each.fields]
