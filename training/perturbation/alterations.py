"""A lake in which everything received after a moment was altered, deleted or made up, and nothing that came before."""

import os
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from infra.lake import Lake
from validation.contract import Column, Table

DELETED, ALTERED = 0, 1  # two of three fates; the third stays as it is
BACK_DATED = 2_000  # rows of a table, at most, that are received again later, with another content


def altered_lake(
    lake: Lake, folder: Path, tables: Iterable[Table], cut: datetime | None, seed: int, first: date | None = None
) -> Lake:
    """The accepted rows of `lake` in a new folder, those received after `cut` changed; the days before it are links.

    cut    None: every day is a link, and nothing is changed
    first  the first day of event tables that is wanted; of entity tables every day is
    Of the rows received later a third is deleted, a third altered, and copies of all are added under other keys. Rows
    received before come once more: received later, as of their old event time, with another content.
    """
    other, day = Lake(folder), date.max if cut is None else cut.astimezone(UTC).date()
    for table in tables:
        name = f"tables/{table.name}"
        for old in lake.days(name):
            if old < day and (table.versioned or first is None or old >= first):
                link_day(lake, other, name, old)
        if cut is None:
            continue
        rng = np.random.default_rng([seed, len(table.name), *table.name.encode()])
        days = [later for later in lake.days(name) if later >= day]
        for later in days:
            other.append(name, later, _changed(lake.read(name, [later], schema=table.schema), table, cut, rng))
        earlier = [old for old in lake.days(name) if old < day][-1:]
        known = lake.read(name, [*earlier, day], schema=table.schema)
        if len(known):
            other.append(name, day, _back_dated(known, table, cut, rng))
    return other


def link_day(lake: Lake, other: Lake, name: str, day: date) -> None:
    """Let a day of a table be the same files in another lake."""
    target = other.path(name, day)
    target.mkdir(parents=True, exist_ok=True)
    for file in lake.files(name, [day]):
        place = target / f"part-{file.stem}.parquet"
        try:
            os.link(file, place)
        except OSError:  # another disk
            place.symlink_to(file.absolute())


def _changed(rows: pa.Table, table: Table, cut: datetime, rng: np.random.Generator) -> pa.Table:
    """The rows of a day, with those received after the cut deleted, altered and added to."""
    late = pc.greater(rows[table.received_time], pa.scalar(cut, rows.schema.field(table.received_time).type))
    known, later = rows.filter(pc.invert(late)), rows.filter(late)
    fate = rng.integers(0, 3, len(later))
    as_they_are = later.filter(pa.array(fate > ALTERED))
    altered = _altered(later.filter(pa.array(fate == ALTERED)), table, rng)
    added = [] if table.versioned else [_renamed(_altered(later, table, rng), table, f"added{i}-") for i in range(2)]
    return pa.concat_tables([known, as_they_are, altered, *added])


def _back_dated(rows: pa.Table, table: Table, cut: datetime, rng: np.random.Generator) -> pa.Table:
    """Copies of rows that were known at the cut, with another content, received in the hour after it."""
    known = rows.filter(pc.less_equal(rows[table.received_time], pa.scalar(cut)))
    chosen = known.take(np.sort(rng.permutation(len(known))[:BACK_DATED]))
    copies = _altered(chosen, table, rng).to_pandas()
    late = pd.to_timedelta(rng.integers(1, 3_600_000_000, len(copies)), unit="us")
    copies[table.received_time] = pd.Series(pd.Timestamp(cut) + late, index=copies.index)
    if table.versioned:  # newer than what it describes anew, and yet in the past
        copies[table.event_time] = copies[table.event_time] + timedelta(microseconds=1)
    return _renamed(_table(copies, table), table, "late-")


def _altered(rows: pa.Table, table: Table, rng: np.random.Generator) -> pa.Table:
    """The same rows with another value in every column that is neither key nor time."""
    frame, fixed = rows.to_pandas(), {*table.key, table.event_time, table.received_time}
    for column in table.columns:
        if column.name not in fixed and len(frame):
            frame[column.name] = _other_values(frame[column.name], column, rng)
    return _table(frame, table)


def _other_values(values: "pd.Series[Any]", column: Column, rng: np.random.Generator) -> "pd.Series[Any]":
    if column.one_of:
        return pd.Series(rng.choice(np.array(column.one_of, dtype=object), len(values)), index=values.index)
    if pd.api.types.is_bool_dtype(values):
        return ~values
    if pd.api.types.is_numeric_dtype(values):
        return (values * 2 + 1).clip(column.low, column.high)
    if pd.api.types.is_datetime64_any_dtype(values):
        return values - timedelta(days=1)
    return pd.Series(values.to_numpy()[rng.permutation(len(values))], index=values.index)


def _renamed(rows: pa.Table, table: Table, prefix: str) -> pa.Table:
    """The rows under other keys; descriptions keep theirs, which names the entity."""
    if table.versioned:
        return rows
    name = next((key for key in table.key if pa.types.is_string(table.schema.field(key).type)), None)
    if name is None:
        return rows.slice(0, 0)
    place = rows.schema.get_field_index(name)
    named = pc.binary_join_element_wise(pa.scalar(prefix), rows[name], "")
    return rows.set_column(place, rows.schema.field(name), named)


def _table(frame: pd.DataFrame, table: Table) -> pa.Table:
    return pa.Table.from_pandas(frame, schema=table.schema, preserve_index=False)
