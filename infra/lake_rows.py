"""Rows of certain values taken out of a table of the lake, in one step for all its days."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from infra import live_files
from infra.failpoint import reached
from infra.lake import Lake, in_parts, united


def names_below(lake: Lake, *folders: str) -> list[str]:
    """The tables at or below some folders of a lake, in order."""
    days = (day for folder in folders for day in lake.path(folder).glob("**/day=*"))
    return sorted({day.parent.relative_to(lake.root).as_posix() for day in days})


def remove_rows(lake: Lake, name: str, column: str, values: Collection[str], *, dry_run: bool = False) -> int:
    """Remove the rows that have one of these values in a column; returns how many there were.

    Readers see all days as they were or as they are afterwards. What writes that ended early have left behind is
    removed, too. The caller keeps other writers of the table out.
    """
    removed, drafts = 0, dict[date, list[Path]]()
    if not dry_run:
        sweep(lake, name)
    for day in lake.days(name):
        files = lake.files(name, [day])
        schema = united(files)
        if column not in schema.names:
            continue
        wanted = pa.array(sorted(values), schema.field(column).type)
        count, rows = _count(files, schema, column, wanted)
        removed += count
        if count and not dry_run:
            drafts[day] = [_written(lake, name, day, _others(files, schema, column, wanted))] if rows > count else []
    if drafts:
        lake.switch(name, drafts)
    return removed


def _count(files: Sequence[Path], schema: pa.Schema, column: str, values: pa.Array) -> tuple[int, int]:
    having = sum(part.num_rows for part in in_parts(files, schema, [column], ds.field(column).isin(values)))
    return having, sum(pq.read_metadata(path).num_rows for path in files)


def _others(files: Sequence[Path], schema: pa.Schema, column: str, values: pa.Array) -> Iterator[pa.Table]:
    """The rows without these values, in their order; those that have none at all among them."""
    for part in in_parts(files, schema, schema.names):
        others = pa.table(part).filter(pc.invert(pc.is_in(part[column], values)))
        if len(others):
            yield others.replace_schema_metadata(schema.metadata)


def _written(lake: Lake, name: str, day: date, parts: Iterable[pa.Table]) -> Path:
    target, writer = lake.draft(name, day), None
    try:
        for part in parts:
            writer = writer or pq.ParquetWriter(target, part.schema, coerce_timestamps="us")
            writer.write_table(part)
    finally:
        if writer:
            writer.close()
    reached("lake.drafted")
    return target


def sweep(lake: Lake, name: str) -> None:
    """Remove the files that are not live: drafts of writes that ended early."""
    for folder in live_files.day_folders(lake.path(name)):
        live = set(live_files.of_day(folder, live_files.listed(lake.path(name))))
        for path in folder.iterdir():
            if path not in live:
                path.unlink()
